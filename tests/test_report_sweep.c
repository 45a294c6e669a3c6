/* The page of a sweep: curves, laws and runs of a made-up store. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/temporary.h"
#include "train/report/report.h"
#include "train/sweep/store.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { BUDGETS = 5, SIZES = 7, RUNS = BUDGETS * SIZES };

static SweepRun runs[RUNS];
static char overrides[RUNS][80];

TestSuite(report_sweep, .init = temporary_open, .fini = temporary_close);

/* L = 1.5 + 400/N^0.35 + 500/D^0.37, and something that looks like noise. */
static void make_up(void)
{
    for (int i = 0; i < RUNS; i++) {
        const double budget = 1e12 * pow(4, i / SIZES), best = 0.6 * sqrt(budget / 6),
                     n = floor(best * pow(2, i % SIZES - SIZES / 2)), d = floor(budget / 6 / n);
        snprintf(overrides[i], sizeof overrides[i], "model.width=%d\noptim.lr=%g\n",
                 16 << i % SIZES, 1e-4 * pow(2, (i * 3) % 5));
        runs[i] = (SweepRun){.state = SWEEP_done,
                             .overrides = overrides[i],
                             .reason = "",
                             .budget = budget,
                             .params = (int64_t)n,
                             .params_embedding = 1,
                             .steps = 10,
                             .tokens = (int64_t)d,
                             .unique_tokens = 1000000000000,
                             .flops_per_token = 6 * n,
                             .flops = 6 * n * d,
                             .loss = (1.5 + 400 / pow(n, 0.35) + 500 / pow(d, 0.37)) *
                                     (1 + 1e-3 * sin(7 * i)),
                             .seed = 1};
        snprintf(runs[i].id, sizeof runs[i].id, "%016x", i);
    }
}

/* Each run's training curve: the law at its size, with as many tokens as it has seen. */
static void write_curves(void)
{
    char name[64];
    cr_assert(!mkdir(in_temporary("runs"), 0777));
    for (int i = 0; i < RUNS; i++) {
        snprintf(name, sizeof name, "runs/%.16s", runs[i].id);
        cr_assert(!mkdir(in_temporary(name), 0777));
        snprintf(name, sizeof name, "runs/%.16s/metrics.jsonl", runs[i].id);
        FILE *f = fopen(in_temporary(name), "w");
        for (int k = 1; k <= 200; k++) {
            const double d = (double)runs[i].tokens * k / 200, n = (double)runs[i].params;
            fprintf(f, "{\"step\": %d, \"loss\": %.9g, \"tokens\": %.0f}\n", k,
                    1.5 + 400 / pow(n, 0.35) + 500 / pow(d, 0.37), d);
        }
        cr_assert(!fclose(f));
    }
}

static char *page_of_store(int64_t count)
{
    Sweep s = {.flops = "6n", .config = "a <b>: 1\n", .runs = runs, .count = count};
    long bytes;
    snprintf(s.folder, sizeof s.folder, "%s", temporary);
    MUST(sweep_store_write(&s));
    MUST(report_sweep(temporary, in_temporary("1.html"), NULL, NULL, NULL));
    char *page = (char *)file_bytes(in_temporary("1.html"), &bytes);
    page[bytes] = '\0';
    for (const char *at = page; (at = strstr(at, "href=\"")); at++) cr_assert_eq(at[6], '#');
    cr_assert(!strstr(page, "http:"));
    cr_assert(strstr(page, "a &lt;b&gt;: 1"));
    cr_assert(strstr(page, "</html>"));
    return page;
}

Test(report_sweep, has_curves_laws_and_runs, .timeout = 120)
{
    static const char *const parts[] = {"Loss by size at equal compute",
                                        "Loss by compute",
                                        "FLOPs (6n)",
                                        "Residuals of the law",
                                        "frontier: ",
                                        "<h3>Back-test</h3>",
                                        "<tr><td>chinchilla</td><td class=\"n\">4</td>",
                                        "chinchilla: ",
                                        "<tr><td>alpha</td>",
                                        "approach2: ",
                                        "90 % interval",
                                        "35 points",
                                        "0000000000000022: "};
    make_up();
    char *page = page_of_store(RUNS);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_assert(strstr(page, parts[i]), "no %s", parts[i]);
    char *again = page_of_store(RUNS);
    cr_assert_str_eq(page, again);
    free(page);
    free(again);
}

/* The number in the first cell after a row's name. */
static double cell_after(const char *page, const char *section, const char *name)
{
    char row[64];
    const char *at = strstr(page, section);
    cr_assert(at, "no %s", section);
    snprintf(row, sizeof row, "<tr><td>%s</td><td class=\"n\">", name);
    at = strstr(at, row);
    cr_assert(at, "no %s in %s", name, section);
    return strtod(at + strlen(row), NULL);
}

Test(report_sweep, has_the_envelope_of_training_curves, .timeout = 120)
{
    make_up();
    write_curves();
    char *page = page_of_store(RUNS);
    cr_assert(strstr(page, "Training curves and their lower envelope"));
    cr_assert(strstr(page, "Which run is the lowest"));
    /* Of this law N grows with C to the power of beta / (alpha + beta) = 0.514. */
    cr_assert_float_eq(cell_after(page, "approach1: ", "a"), 0.514, 0.06);
    free(page);
}

Test(report_sweep, keeps_apart_what_is_held_out, .timeout = 120)
{
    make_up();
    for (int i = RUNS - SIZES; i < RUNS; i++) runs[i].held_out = true;
    char *page = page_of_store(RUNS);
    cr_assert(strstr(page, "2.56e14, held out"));
    cr_assert(strstr(page, "Held-out runs"));
    cr_assert(strstr(page, "28 points"));
    int64_t judged = 0;
    for (const char *at = page; (at = strstr(at, "<td>within</td>")); at++) judged++;
    cr_assert_geq(judged, SIZES / 2);
    free(page);
}

Test(report_sweep, does_not_mix_budgets_in_learning_rates, .timeout = 120)
{
    make_up();
    for (int i = 0; i < RUNS;
         i++) { /* 3 rates at one size, 4 at another, with two parametrisations */
        runs[i].params = i % SIZES < 3 ? 1000 : 4000;
        snprintf(overrides[i], sizeof overrides[i], "model.width=8\noptim.lr=%g\nx.y=%s\n",
                 1e-3 * (1 + i % SIZES), i / SIZES % 2 ? "mup" : "standard");
    }
    char *page = page_of_store(RUNS);
    cr_assert(strstr(page, "Sensitivity to the learning rate"));
    cr_assert(strstr(page, "The best learning rate by size"));
    cr_assert(strstr(page, ">1000 parameters, 1e12 FLOPs, x.y=standard<"));
    cr_assert(strstr(page, ">4000 parameters, 4e12 FLOPs, x.y=mup<"));
    cr_assert(strstr(page, ">4e12 FLOPs, x.y=mup<"));
    free(page);
}

Test(report_sweep, says_why_there_is_no_law)
{
    make_up();
    runs[1].state = SWEEP_diverged;
    runs[1].reason = "the loss is <nan>";
    runs[1].loss = NAN;
    runs[2].state = SWEEP_planned;
    char *page = page_of_store(3);
    cr_assert(strstr(page, "No law for the loss: "));
    cr_assert(strstr(page, "No law for the minima: "));
    cr_assert(strstr(page, "diverged: the loss is &lt;nan&gt;"));
    cr_assert(strstr(page, "1 done 1 diverged") || strstr(page, "1 planned"));
    free(page);
}

Test(report_sweep, needs_a_store)
{
    cr_assert_eq(report_sweep(in_temporary("nothing"), NULL, NULL, NULL, NULL), E_DATA);
}

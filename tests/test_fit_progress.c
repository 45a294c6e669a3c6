/* Progress of a long fit: nothing at first, then a line; on a terminal it is taken off again. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "train/scaling/fit.h"

/* What is written if the tenth of forty is done `seconds` after the start. */
static char *written(bool is_terminal, double seconds, int worker)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    FitProgress p = {.out = out, .is_terminal = is_terminal};
    fit_progress_begin(&p, "bootstraps", 40);
    for (int i = 0; i < 9; i++) fit_progress_add(&p, 1);
    p.began -= seconds;
    p.due -= seconds;
    fit_progress_add(&p, worker);
    fit_progress_add(&p, worker); /* too early for the next line */
    fit_progress_end(&p);
    fclose(out);
    return text;
}

static void expect(bool is_terminal, double seconds, int worker, const char *text)
{
    char *found = written(is_terminal, seconds, worker);
    cr_expect_str_eq(found, text);
    free(found);
}

Test(fit_progress, is_shown_once_it_takes_long)
{
    expect(false, 0, 0, "");
    expect(false, 100, 1, "");
    expect(false, 100, 0, "fit: bootstraps 10 of 40, ETA 5:00\n");
    expect(true, 100, 0, "\rfit: bootstraps 10 of 40, ETA 5:00\033[K\r\033[K");
}

Test(fit_progress, may_be_missing)
{
    fit_progress_begin(NULL, "bootstraps", 40);
    fit_progress_add(NULL, 0);
    fit_progress_end(NULL);
}

/* The fit itself counts all that it does. */
Test(fit_progress, counts_what_a_fit_does)
{
    LawPoint points[30];
    Arena arena = {0};
    FitResult r;
    FitProgress p = {.out = stderr};
    FitOptions f = FIT_DEFAULTS;
    f.starts = 10, f.bootstraps = 33, f.progress = &p;
    for (int i = 0; i < 30; i++) {
        const double n = 1e5 * pow(2, i % 6), d = 1e7 * pow(2, i / 6);
        const double noise = 1 + 1e-3 * ((i * 7) % 5 - 2);
        points[i] = (LawPoint){.params = n,
                               .tokens = d,
                               .flops = 6 * n * d,
                               .loss = (1.2 + 60 / pow(n, 0.3) + 120 / pow(d, 0.34)) * noise};
    }
    cr_assert_eq(fit_law(LAW_CHINCHILLA, points, 30, &f, &arena, &r), OK, "%s", error_message());
    cr_expect_str_eq(p.what, "bootstraps");
    cr_expect_eq(p.count, 33);
    cr_expect_eq(p.done, 33);
    arena_free(&arena);
}

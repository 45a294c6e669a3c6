/* Section of a sweep: loss by learning rate. Runs of one curve differ in nothing else. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/plot/axis.h"
#include "train/report/sweep_page.h"

enum { GROUPS_MAX = 64, NAME = 256 };

/* Settings that depend on the learning rate, or whose values are averaged over. */
static const char *const free_keys[] = {"optim.lr", "optim.min_lr", "optim.warmup", "train.seed",
                                        NULL};
static const char *const size_keys[] = {"model.width",    "model.layers",    "model.heads",
                                        "model.kv_heads", "model.mlp_width", NULL};

/* Runs that differ in free_keys only, by learning rate. */
typedef struct RateGroup {
    char name[NAME]; /* its other settings, without the size */
    double params, *rate, *loss, *least, *most;
    int64_t count, lowest;
} RateGroup;

static bool is_one_of(const char *line, const char *const keys[])
{
    const size_t length = strcspn(line, "=\n");
    while (*keys && (strlen(*keys) != length || strncmp(line, *keys, length))) keys++;
    return *keys;
}

/* The learning rate that a cell sets; NAN: it sets none. */
static double rate_of(const SweepRun *r)
{
    for (const char *at = r->overrides; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (!strncmp(at, "optim.lr=", 9)) return strtod(at + 9, NULL);
    return NAN;
}

/* "2e9 FLOPs, model.parametrization=mup". Without train.steps if that follows from a budget. */
static void name_of(const SweepRun *r, char name[NAME])
{
    char budget[TICK_LABEL];
    size_t length = 0;
    *name = '\0';
    if (r->budget > 0)
        length = (size_t)snprintf(name, NAME, "%s FLOPs", axis_number(r->budget, 3, budget));
    for (const char *at = r->overrides; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        const bool follows = r->budget > 0 && !strncmp(at, "train.steps=", 12);
        if (follows || is_one_of(at, free_keys) || is_one_of(at, size_keys)) continue;
        if (length < NAME)
            length += (size_t)snprintf(name + length, NAME - length, "%s%.*s", length ? ", " : "",
                                       (int)strcspn(at, "\n"), at);
    }
}

/* Adds a loss to the mean, minimum and maximum of its learning rate; rates ascend. */
static void add(RateGroup *g, double rate, double loss, int64_t *runs)
{
    int64_t at = 0;
    while (at < g->count && g->rate[at] < rate) at++;
    if (at == g->count || g->rate[at] != rate) {
        const size_t behind = (size_t)(g->count++ - at) * sizeof *g->rate;
        double *const columns[] = {g->rate, g->loss, g->least, g->most};
        for (int i = 0; i < 4; i++) memmove(columns[i] + at + 1, columns[i] + at, behind);
        memmove(runs + at + 1, runs + at, behind);
        g->rate[at] = rate, g->loss[at] = g->least[at] = g->most[at] = loss, runs[at] = 1;
        return;
    }
    runs[at]++;
    g->loss[at] += (loss - g->loss[at]) / (double)runs[at];
    g->least[at] = fmin(g->least[at], loss);
    g->most[at] = fmax(g->most[at], loss);
}

/* All runs of g's size and name. */
static void fill(Page *p, const Sweep *s, RateGroup *g)
{
    char name[NAME];
    int64_t *runs = arena_take(&p->arena, (s->count + 1) * (int64_t)sizeof *runs);
    double **const columns[] = {&g->rate, &g->loss, &g->least, &g->most};
    for (int i = 0; i < 4; i++) *columns[i] = page_numbers(p, s->count);
    for (int64_t i = 0; runs && p->status == OK && i < s->count; i++) {
        const SweepRun *r = &s->runs[i];
        const double rate = rate_of(r);
        if (!sweep_run_is_usable(r) || !(rate > 0) || (double)r->params != g->params) continue;
        name_of(r, name);
        if (!strcmp(name, g->name)) add(g, rate, r->loss, runs);
    }
    for (int64_t i = 1; i < g->count; i++)
        if (g->loss[i] < g->loss[g->lowest]) g->lowest = i;
}

static int by_name_and_size(const void *a, const void *b)
{
    const RateGroup *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : (x->params > y->params) - (x->params < y->params);
}

static int find_groups(Page *p, const Sweep *s, RateGroup *all)
{
    int count = 0;
    for (int64_t i = 0; i < s->count && count < GROUPS_MAX; i++) {
        const SweepRun *r = &s->runs[i];
        RateGroup *g = &all[count];
        int known = 0;
        if (!sweep_run_is_usable(r) || !(rate_of(r) > 0)) continue;
        name_of(r, g->name);
        g->params = (double)r->params;
        while (by_name_and_size(&all[known], g)) known++;
        if (known == count) fill(p, s, &all[count++]);
    }
    qsort(all, (size_t)count, sizeof *all, by_name_and_size);
    return count;
}

/* The best learning rate by size, one line per name. */
static void best_rates(Page *p, const RateGroup *all, int count)
{
    PlotSeries lines[GROUPS_MAX];
    double *x = page_numbers(p, count), *y = page_numbers(p, count);
    double least = INFINITY, most = 0;
    const char **texts = arena_zero(&p->arena, (count + 1) * (int64_t)sizeof *texts);
    int used = 0, edges = 0, shown = 0;
    if (p->status != OK || !texts) return;
    for (int i = 0, end; i < count; i = end) {
        int at_edge = 0;
        for (end = i; end < count && !strcmp(all[i].name, all[end].name); end++) {
            const RateGroup *g = &all[end];
            x[end] = g->params;
            y[end] = g->rate[g->lowest];
            const bool is_edge = g->lowest == 0 || g->lowest == g->count - 1;
            texts[end] =
                page_text(p, "%.4g%s", y[end],
                          is_edge ? ", the edge of the grid: the best may lie beyond" : "");
            at_edge += is_edge;
            least = fmin(least, g->rate[0]);
            most = fmax(most, g->rate[g->count - 1]);
        }
        if (end - i < 2) continue;
        edges += at_edge;
        shown += end - i;
        lines[used++] = (PlotSeries){.kind = PLOT_LINE_POINTS,
                                     .name = *all[i].name ? all[i].name : "lowest loss at",
                                     .x = x + i,
                                     .y = y + i,
                                     .count = end - i,
                                     .texts = texts + i};
    }
    if (!used) return;
    page_plot(p, "best-rates",
              &(Plot){.title = "The best learning rate by size",
                      .x_label = "parameters",
                      .y_label = "learning rate",
                      .x_log = true,
                      .y_log = true,
                      .y_min = least,
                      .y_max = most,
                      .series = lines,
                      .series_count = used});
    if (edges)
        html_print(
            p->out,
            "<p class=\"soft\">%d of these %d are at the edge of the grid: the best learning rate "
            "may lie beyond.</p>\n",
            edges, shown);
}

void sweep_rates(Page *p, const SweepPage *s)
{
    char size[TICK_LABEL];
    PlotSeries lines[GROUPS_MAX];
    RateGroup *all = arena_zero(&p->arena, (GROUPS_MAX + 1) * (int64_t)sizeof *all);
    int64_t most = 0;
    int used = 0;
    const int count = all ? find_groups(p, &s->sweep, all) : 0;
    for (int i = 0; i < count; i++) {
        if (all[i].count < 2) continue;
        const RateGroup *g = &all[used];
        if (used < i) all[used] = all[i];
        most = most < g->count ? g->count : most;
        lines[used++] =
            (PlotSeries){.kind = PLOT_LINE_POINTS,
                         .name = page_text(p, "%s parameters%s%s", axis_number(g->params, 3, size),
                                           *g->name ? ", " : "", g->name),
                         .x = g->rate,
                         .y = g->loss,
                         .low = g->least,
                         .high = g->most,
                         .count = g->count};
    }
    if (p->status != OK || most < 3) return;
    page_plot(p, "learning-rates",
              &(Plot){.title = "Sensitivity to the learning rate",
                      .x_label = "learning rate",
                      .y_label = "validation loss, nats per token",
                      .x_log = true,
                      .series = lines,
                      .series_count = used});
    best_rates(p, all, used);
}

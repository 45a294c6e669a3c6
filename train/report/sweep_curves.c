/* Sections of a sweep: loss by size at each budget, loss by compute. */
#include <math.h>

#include "train/plot/axis.h"
#include "train/report/sweep_page.h"
#include "train/scaling/fit_show.h"
#include "train/support/quantile.h"

enum { CURVE = 61 };

bool sweep_run_is_usable(const SweepRun *r)
{
    return r->state == SWEEP_done && isfinite(r->loss) && r->params > 0 && r->flops > 0;
}

/* Sorts x and keeps its distinct values, at most `most`; returns their number. */
static int distinct(double *x, int64_t count, int most)
{
    int64_t used = 0;
    sort_numbers(x, count);
    for (int64_t i = 0; i < count && used < most; i++)
        if (!used || x[i] != x[used - 1]) x[used++] = x[i];
    return (int)used;
}

/* Least squares: y = c[0] + c[1] u + c[2] u^2, u = x - mean; false if the points do not determine
 * it. */
static bool parabola(const double *x, const double *y, int64_t count, double mean, double c[3])
{
    double m[3][4] = {{0}};
    if (count < 3) return false;
    for (int64_t i = 0; i < count; i++) {
        const double u = x[i] - mean, powers[] = {1, u, u * u};
        for (int r = 0; r < 3; r++) {
            for (int k = 0; k < 3; k++) m[r][k] += powers[r] * powers[k];
            m[r][3] += powers[r] * y[i];
        }
    }
    for (int i = 0; i < 3; i++) {
        if (!(fabs(m[i][i]) > 1e-12)) return false;
        for (int r = 0; r < 3; r++) {
            const double f = m[r][i] / m[i][i];
            for (int k = i; r != i && k < 4; k++) m[r][k] -= f * m[i][k];
        }
    }
    for (int i = 0; i < 3; i++) c[i] = m[i][3] / m[i][i];
    return true;
}

static PlotSeries parabola_series(Page *p, const PlotSeries *points)
{
    double *x = page_numbers(p, CURVE), *y = page_numbers(p, CURVE),
           *logs = page_numbers(p, points->count), c[3], mean = 0, min = INFINITY, max = -INFINITY;
    if (!x || !y || !logs) return (PlotSeries){0};
    for (int64_t i = 0; i < points->count; i++) {
        logs[i] = log(points->x[i]);
        mean += logs[i] / (double)points->count;
        min = fmin(min, logs[i]);
        max = fmax(max, logs[i]);
    }
    if (!parabola(logs, points->y, points->count, mean, c)) return (PlotSeries){0};
    for (int i = 0; i < CURVE; i++) {
        const double u = min + (max - min) * i / (CURVE - 1);
        x[i] = exp(u);
        y[i] = c[0] + c[1] * (u - mean) + c[2] * (u - mean) * (u - mean);
    }
    return (PlotSeries){.x = x, .y = y, .count = CURVE, .color = points->color, .is_faint = true};
}

/* The usable runs of a budget; tooltips name the run. */
static PlotSeries budget_series(Page *p, const Sweep *s, double budget, int color)
{
    char a[TICK_LABEL], b[TICK_LABEL];
    double *x = page_numbers(p, s->count), *y = page_numbers(p, s->count);
    const char **texts = arena_zero(&p->arena, (s->count + 1) * (int64_t)sizeof *texts);
    int64_t used = 0;
    bool held_out = false;
    for (int64_t i = 0; x && y && texts && i < s->count; i++) {
        const SweepRun *r = &s->runs[i];
        if (!sweep_run_is_usable(r) || r->budget != budget) continue;
        held_out |= r->held_out;
        x[used] = (double)r->params;
        y[used] = r->loss;
        texts[used++] =
            page_text(p, "%s: %s parameters, %s tokens, loss %.4f%s", r->id,
                      axis_number((double)r->params, 3, a), axis_number((double)r->tokens, 3, b),
                      r->loss, r->held_out ? ", held out" : "");
    }
    return (PlotSeries){.kind = PLOT_POINTS,
                        .name = page_text(p, "%s%s", axis_number(budget, 3, a),
                                          held_out ? ", held out" : ""),
                        .is_hollow = held_out,
                        .x = x,
                        .y = y,
                        .count = used,
                        .color = color,
                        .texts = texts};
}

/* The minima that approach 2 found. */
static PlotSeries minima_series(Page *p, const FitResult *f)
{
    double *x = page_numbers(p, f->budgets), *y = page_numbers(p, f->budgets);
    for (int64_t i = 0; x && y && i < f->budgets; i++) {
        x[i] = f->budget[i].params;
        y[i] = f->budget[i].loss;
    }
    return (PlotSeries){.kind = PLOT_LINE_POINTS,
                        .name = "minima",
                        .x = x,
                        .y = y,
                        .count = x && y ? f->budgets : 0,
                        .color = PLOT_INK,
                        .is_dashed = true};
}

void sweep_isoflops(Page *p, const SweepPage *s)
{
    PlotSeries all[2 * BUDGETS_MAX + 1];
    double *budgets = page_numbers(p, s->sweep.count);
    int64_t known = 0, used = 0;
    for (int64_t i = 0; budgets && i < s->sweep.count; i++)
        if (sweep_run_is_usable(&s->sweep.runs[i]) && s->sweep.runs[i].budget > 0)
            budgets[known++] = s->sweep.runs[i].budget;
    const int count = budgets ? distinct(budgets, known, BUDGETS_MAX) : 0;
    if (!count) return;
    for (int i = 0; i < count; i++) {
        const PlotSeries points = budget_series(p, &s->sweep, budgets[i], i + 1);
        all[used] = parabola_series(p, &points);
        used += all[used].count > 0;
        all[used++] = points;
    }
    if (s->has_minima) all[used++] = minima_series(p, &s->minima);
    page_plot(p, "isoflops",
              &(Plot){.title =
                          page_text(p, "Loss by size at equal compute (FLOPs, %s)", s->sweep.flops),
                      .x_label = "parameters",
                      .y_label = "validation loss, nats per token",
                      .x_log = true,
                      .series = all,
                      .series_count = used,
                      .width = 1000,
                      .height = 420});
}

void sweep_compute(Page *p, const SweepPage *s)
{
    PlotSeries all[4];
    const Sweep *w = &s->sweep;
    double *x[2], *y[2];
    int64_t count[2] = {0, 0}, used = 0;
    for (int i = 0; i < 2; i++) x[i] = page_numbers(p, w->count), y[i] = page_numbers(p, w->count);
    if (p->status != OK) return;
    for (int64_t i = 0; i < w->count; i++) {
        const SweepRun *r = &w->runs[i];
        if (!sweep_run_is_usable(r)) continue;
        x[r->held_out][count[r->held_out]] = r->flops;
        y[r->held_out][count[r->held_out]++] = r->loss;
    }
    if (!(count[0] + count[1])) return;
    if (s->has_law) used = fit_plot_law(&s->law, &p->arena, all);
    for (int i = 0; i < 2; i++)
        if (count[i])
            all[used++] = (PlotSeries){.kind = PLOT_POINTS,
                                       .name = i ? "held-out runs" : "runs",
                                       .x = x[i],
                                       .y = y[i],
                                       .count = count[i],
                                       .color = i ? 4 : 1,
                                       .is_hollow = i};
    page_plot(p, "compute",
              &(Plot){.title = "Loss by compute",
                      .x_label = sweep_compute_label(p, s),
                      .y_label = "validation loss, nats per token",
                      .x_log = true,
                      .y_log = true,
                      .series = all,
                      .series_count = used});
}

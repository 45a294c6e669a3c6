#include "train/scaling/fit_show.h"

#include <math.h>

enum { CURVE_POINTS = 61 };

/* The value to plot at `flops`: the loss of a form, the optimal size of an approach. */
static Status value_at(const FitResult *f, double flops, FitValue *value)
{
    FitValue params, tokens, loss;
    FitPrediction p;
    if (f->law < LAW_LOSSES) {
        TRY(fit_predict(f, &(LawPoint){.flops = flops}, &p));
        *value = p.loss;
        return OK;
    }
    TRY(fit_optimum(f, flops, &params, &tokens, &loss));
    *value = params;
    return OK;
}

int fit_plot_law(const FitResult *f, Arena *arena, PlotSeries out[2])
{
    double *x = arena_take(arena, 4 * CURVE_POINTS * (int64_t)sizeof *x);
    if (!x) return 0;
    double *y = x + CURVE_POINTS, *low = y + CURVE_POINTS, *high = low + CURVE_POINTS;
    for (int i = 0; i < CURVE_POINTS; i++) {
        FitValue v = {NAN, NAN, NAN};
        x[i] = f->least * pow(10 * f->most / f->least, (double)i / (CURVE_POINTS - 1));
        if (value_at(f, x[i], &v) != OK) return 0;
        y[i] = v.value, low[i] = v.low, high[i] = v.high;
    }
    const char *name =
        f->law < LAW_LOSSES ? "the lowest loss by the law" : "the best size by the law";
    const PlotSeries line = {.name = name, .x = x, .y = y, .count = CURVE_POINTS, .color = 2};
    if (isnan(low[0])) {
        out[0] = line;
        return 1;
    }
    char *level = arena_take(arena, 32);
    if (!level) return 0;
    snprintf(level, 32, "%g %% interval", 100 * f->level);
    out[0] = (PlotSeries){.kind = PLOT_BAND,
                          .name = level,
                          .x = x,
                          .low = low,
                          .high = high,
                          .count = CURVE_POINTS,
                          .color = 2};
    out[1] = line;
    return 2;
}

/* Points: loss by compute, or the optimal sizes that an approach found. */
static Status take(const LawPoint *p, int64_t count, bool params, Arena *arena, PlotSeries *out)
{
    double *x = arena_take(arena, (2 * count + 1) * (int64_t)sizeof *x), *y = x + count;
    if (!x) return FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int64_t i = 0; i < count; i++) x[i] = p[i].flops, y[i] = params ? p[i].params : p[i].loss;
    out->kind = PLOT_POINTS, out->x = x, out->y = y, out->count = count;
    return OK;
}

Status fit_plot_save(const FitReport *r, Arena *arena, const char *path)
{
    const FitResult *f = &r->fit;
    const bool is_form = f->law < LAW_LOSSES;
    PlotSeries all[4] = {0};
    LawPoint *lowest = f->envelope;
    int64_t count = f->envelope_points;
    int used = fit_plot_law(f, arena, all);
    char compute[64] = "FLOPs";
    if (r->points->flops) snprintf(compute, sizeof compute, "FLOPs (%s)", r->points->flops);
    if (f->law == LAW_APPROACH2) {
        count = f->budgets;
        lowest = arena_take(arena, (count + 1) * (int64_t)sizeof *lowest);
        if (!lowest) return FAIL(E_NOMEM, "%s", path);
        for (int64_t i = 0; i < count; i++)
            lowest[i] = (LawPoint){.flops = f->budget[i].flops, .params = f->budget[i].params};
    }
    all[used] = (PlotSeries){.name = is_form ? "runs" : "lowest", .color = 1};
    TRY(take(is_form ? r->points->point : lowest, is_form ? r->points->count : count, !is_form,
             arena, &all[used++]));
    if (is_form && r->points->held_count) {
        all[used] = (PlotSeries){.name = "held out", .color = 4, .is_hollow = true};
        TRY(take(r->points->held, r->points->held_count, false, arena, &all[used++]));
    }
    return plot_save(&(Plot){.title = law_text(f->law),
                             .x_label = compute,
                             .y_label = is_form ? "loss" : "parameters",
                             .x_log = true,
                             .y_log = true,
                             .series = all,
                             .series_count = used},
                     path);
}

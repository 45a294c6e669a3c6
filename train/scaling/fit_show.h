/* What capstan fit prints of its results. */
#ifndef TRAIN_SCALING_FIT_SHOW_H
#define TRAIN_SCALING_FIT_SHOW_H

#include <jansson.h>

#include "train/plot/plot.h"
#include "train/scaling/compare.h"
#include "train/scaling/fit.h"
#include "train/scaling/points.h"
#include "train/scaling/varpro.h"

enum { FIT_QUERIES_MAX = 64 };

/* A place that was asked for (--at), and what the law says of it. */
typedef struct FitQuery {
    LawPoint at;
    FitPrediction prediction; /* not of approaches */
    FitValue params, tokens,
        loss; /* optimal, where only flops were given; NAN: the law does not say */
} FitQuery;

/* All that one call of the command found. */
typedef struct FitReport {
    const Points *points;
    FitResult fit;
    double bias_a, bias_params; /* approach 2: isoflop_bias(); NAN: not known, */
    const char *bias_missing;   /* and why */
    bool is_compared, is_projected, is_given;
    Comparison comparison[LAW_FORMS];
    Varpro varpro;
    Ratio ratio;
    FitQuery query[FIT_QUERIES_MAX];
    int queries;
    FitPrediction
        *held; /* [points->held_count]: of what was kept out; NULL: the law says no loss */
} FitReport;

void fit_print(const FitReport *r);
json_t *fit_json(const FitReport *r); /* NULL: memory is out */

/* The least loss by compute, from the least that was spent to ten times the most, of approaches the best params:
 * fills its interval and itself. Returns how many series: 0 if the law does not say, or memory is out. */
int fit_plot_law(const FitResult *f, Arena *arena, PlotSeries out[2]);

/* An SVG file. E_IO, E_NOMEM. */
Status fit_plot_save(const FitReport *r, Arena *arena, const char *path);

#endif

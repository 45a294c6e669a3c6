/* The output of capstan fit. */
#ifndef TRAIN_SCALING_FIT_SHOW_H
#define TRAIN_SCALING_FIT_SHOW_H

#include <jansson.h>

#include "train/plot/plot.h"
#include "train/scaling/backtest.h"
#include "train/scaling/compare.h"
#include "train/scaling/fit.h"
#include "train/scaling/points.h"
#include "train/scaling/varpro.h"

enum { FIT_QUERIES_MAX = 64 };

/* A query (--at) and its prediction. */
typedef struct FitQuery {
    LawPoint at;
    FitPrediction prediction;      /* not of approaches */
    FitValue params, tokens, loss; /* the optimum, if only flops were given; NAN: not by this law */
} FitQuery;

/* The results of one call of the command. */
typedef struct FitReport {
    const Points *points;
    FitResult fit;
    double bias_a, bias_params; /* approach 2: isoflop_bias(); NAN: unknown */
    const char *bias_missing;   /* the reason if unknown */
    bool is_compared, is_projected, is_given;
    Comparison comparison[LAW_LOSSES];
    Backtest backtest[LAW_LOSSES]; /* [backtests]: of the law, or of all that are compared */
    int backtests;
    Varpro varpro;
    Ratio ratio;
    FitQuery query[FIT_QUERIES_MAX];
    int queries;
    FitPrediction *held; /* [points->held_count]: held-out points; NULL: not by this law */
} FitReport;

void fit_print(const FitReport *r);
json_t *fit_json(const FitReport *r); /* NULL: memory is out */

void backtest_print(const Backtest *all, int count);
json_t *backtest_json(const Backtest *all, int count); /* NULL: memory is out */

/* Why the law has no intervals; NULL: it has. */
const char *fit_no_intervals(const FitResult *f);

/* Makes the series of the law: the lowest loss (for approaches the optimal params) by compute, from
 * the smallest to ten times the largest budget, with its interval. Returns the number of series; 0:
 * not by this law, or memory is out. */
int fit_plot_law(const FitResult *f, Arena *arena, PlotSeries out[2]);

/* An SVG file. E_IO, E_NOMEM. */
Status fit_plot_save(const FitReport *r, Arena *arena, const char *path);

#endif

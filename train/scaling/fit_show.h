/* What capstan fit prints of its results. */
#ifndef TRAIN_SCALING_FIT_SHOW_H
#define TRAIN_SCALING_FIT_SHOW_H

#include <jansson.h>

#include "train/scaling/compare.h"
#include "train/scaling/fit.h"
#include "train/scaling/points.h"
#include "train/scaling/varpro.h"

enum { FIT_PLACES_MAX = 64 };

/* A place that was asked for (--at), and what the law says of it. */
typedef struct FitPlace {
    LawPoint at;
    FitPrediction prediction; /* not of approaches */
    FitValue params, tokens,
        loss; /* optimal, where only flops were given; NAN: the law does not say */
} FitPlace;

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
    FitPlace place[FIT_PLACES_MAX];
    int places;
    FitPrediction
        *held; /* [points->held_count]: of what was kept out; NULL: the law says no loss */
} FitReport;

void fit_print(const FitReport *r);
json_t *fit_json(const FitReport *r); /* NULL: memory is out */

#endif

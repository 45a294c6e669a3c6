/* Fits: a scaling law from runs, with intervals.
 *
 * A law that says a loss is fitted as in Hoffmann et al. 2022 (sec. 3.3): the least sum, not mean, of the
 * Huber loss of log loss - log L, from every start of a grid; approaches 1 and 2 as said in
 * train/scaling/isoflop.h. Intervals come of the bootstrap: `draws` refits of points drawn with replacement,
 * each a pure function of (seed, draw), so that nothing depends on threads. All in double. */
#ifndef TRAIN_SCALING_FIT_H
#define TRAIN_SCALING_FIT_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "train/scaling/law.h"

/* How approach 2 finds a budget's lowest place: train/scaling/isoflop.h. */
typedef enum FitMinima { FIT_PARABOLA, FIT_AKIMA } FitMinima;

typedef struct FitOptions {
    double huber;       /* where the loss of a residual becomes linear; 1e-3 */
    int64_t starts;     /* of the grid, evenly spread; 0: all (chinchilla: 4500) */
    int64_t bootstraps; /* 0: no intervals; 4000 */
    double level;       /* of intervals; 0.95 */
    uint64_t seed;
    FitMinima minima;
} FitOptions;

#define FIT_DEFAULTS ((FitOptions){.huber = 1e-3, .bootstraps = 4000, .level = 0.95})

/* A number with its interval; low and high are NAN where there is none. */
typedef struct FitValue {
    double value, low, high;
} FitValue;

/* Runs of the same C, and the lowest place among them; params NAN: at the edge, and left out. */
typedef struct FitBudget {
    double flops;
    int64_t points;
    double params, tokens, loss;
} FitBudget;

/* What a fit found. Text and lists live in the arena given to fit_law(). */
typedef struct FitResult {
    LawKind law;
    int count;                          /* of parameters */
    double theta[LAW_PARAMETERS_MAX];   /* law.h; of approaches: log N0, a, log D0, b */
    FitValue value[LAW_PARAMETERS_MAX]; /* in the order of law_parameter() */
    double objective;                   /* sum of Huber losses */
    int64_t points;
    int64_t starts, finite,
        converged; /* finite: the objective is, there; converged: reached the least */
    double seconds, bootstrap_seconds;
    double level;
    double per;             /* flops / (params tokens), the median; 6 if points do not say */
    const double *residual; /* [points]: log loss - log law; NULL for approaches */
    int64_t draws;          /* bootstraps that succeeded */
    const double *draw;     /* [draws, count]: theta of each */
    double stretch;         /* of the draws: train/scaling/bootstrap.h */
    double least, most;     /* flops of the points */
    FitBudget *budget;      /* [budgets], approach 2 only */
    int64_t budgets;
    LawPoint *envelope; /* [envelope_points], approach 1 only: the lowest curve, and where it is */
    int64_t envelope_points;
} FitResult;

/* E_DATA if the points cannot carry the law: fewer than it has parameters and one more, values that are not
 * positive and finite, all of one size, losses that do not fall; approaches: too few budgets, minima at the edge. Never a law from
 * nothing. E_NOMEM. */
Status fit_law(LawKind law, const LawPoint *points, int64_t count, const FitOptions *options,
               Arena *arena, FitResult *result);

/* The loss at p: params and tokens (and unique), or, where these are 0, the least loss at its flops. */
typedef struct FitPrediction {
    FitValue loss; /* of the law: where it may be */
    FitValue run;  /* of one more run: where its loss may fall; wider by the residuals */
} FitPrediction;

/* E_ARG if the law cannot say, or p has values that are not positive. */
Status fit_predict(const FitResult *r, const LawPoint *p, FitPrediction *prediction);

/* What the law says of each of the points: [count], in the arena. E_ARG, E_NOMEM. */
Status fit_predict_all(const FitResult *r, const LawPoint *points, int64_t count, Arena *arena,
                       FitPrediction **predictions);

/* Whether an outcome lies where one more run may fall. */
bool fit_is_within(const FitPrediction *p, double loss);

/* Optimal params and tokens at flops, and the loss there (NAN for approaches). E_ARG: the law does not say
 * (compute), or flops is not positive. */
Status fit_optimum(const FitResult *r, double flops, FitValue *params, FitValue *tokens,
                   FitValue *loss);

enum { FIT_DRAWS_MIN = 20 }; /* bootstraps; fewer make no interval */

/* The second half of fit_law(): fills the values and intervals from theta and the bootstraps. E_NOMEM. */
Status fit_intervals(FitResult *r);

#endif

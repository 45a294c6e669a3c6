/* Fits a scaling law to runs, with intervals.
 *
 * Laws of the loss are fitted as in Hoffmann et al. 2022 (sec. 3.3): minimize the sum (not mean) of
 * the Huber loss of log loss - log L from every starting point of a grid. For approaches 1 and 2
 * see train/scaling/isoflop.h. Intervals come from the bootstrap: each draw is a pure function of
 * (seed, draw), so results do not depend on the number of threads. All arithmetic is in double. */
#ifndef TRAIN_SCALING_FIT_H
#define TRAIN_SCALING_FIT_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "train/scaling/fit_progress.h"
#include "train/scaling/law.h"

/* How approach 2 finds the minimum of a budget: train/scaling/isoflop.h. */
typedef enum FitMinima { FIT_PARABOLA, FIT_AKIMA } FitMinima;

typedef struct FitOptions {
    double huber;        /* residuals above it have a linear loss; 1e-3 */
    int64_t starts;      /* starting points to use of the grid; 0: all (chinchilla: 4500) */
    int64_t bootstraps;  /* 0: no intervals; 4000 */
    int64_t simulations; /* that calibrate the intervals: train/scaling/bootstrap.h; 150 */
    double level;        /* of intervals; 0.95 */
    uint64_t seed;
    FitMinima minima;
    FitProgress *progress; /* NULL: none is shown */
} FitOptions;

#define FIT_DEFAULTS \
    ((FitOptions){.huber = 1e-3, .bootstraps = 4000, .simulations = 150, .level = 0.95})

/* A number with its interval; low and high are NAN if there is none. */
typedef struct FitValue {
    double value, low, high;
} FitValue;

/* The runs of one compute budget and their minimum; params NAN: left out. */
typedef struct FitBudget {
    double flops;
    int64_t points;
    double params, tokens, loss;
    int64_t sizes;        /* frontier: different params */
    double curvature;     /* frontier: of log loss over log params; NAN: unknown */
    const char *left_out; /* why; NULL: it is not */
} FitBudget;

typedef struct Frontier Frontier; /* train/scaling/frontier.h */

/* The result of a fit. Arrays are in the arena given to fit_law(). */
typedef struct FitResult {
    LawKind law;
    int count;                          /* of parameters */
    double theta[LAW_PARAMETERS_MAX];   /* law.h; of approaches: log N0, a, log D0, b */
    FitValue value[LAW_PARAMETERS_MAX]; /* in the order of law_parameter() */
    double objective;                   /* sum of Huber losses */
    int64_t points;
    int64_t starts;            /* starting points tried */
    int64_t finite, converged; /* with a finite objective; that reached the minimum */
    double seconds, bootstrap_seconds;
    double level;
    double flop_factor;     /* median of flops / (params tokens); about 6 */
    const double *residual; /* [points]: log loss - log law; NULL for approaches */
    int64_t draws;          /* bootstraps that succeeded */
    const double *draw;     /* [draws, count]: theta of each */
    double stretch;         /* of the draws: train/scaling/bootstrap.h */
    double least, most;     /* smallest and largest flops of the points */
    FitBudget *budget;      /* [budgets], approach 2 and frontier only */
    int64_t budgets;
    const Frontier *frontier; /* frontier only; it has no theta and no draws */
    LawPoint *envelope;       /* [envelope_points], approach 1 only: the lowest curve at each C */
    int64_t envelope_points;
} FitResult;

/* E_DATA if the points do not support the law: not more points than parameters, values that are not
 * positive and finite, a single size, losses that do not decrease; for approaches: too few budgets,
 * minima at the edge. E_NOMEM. */
Status fit_law(LawKind law, const LawPoint *points, int64_t count, const FitOptions *options,
               Arena *arena, FitResult *result);

/* The loss at params and tokens (and unique) or, if these are 0, the lowest loss at flops. compute,
 * and frontier without minima, do not depend on the size. */
typedef struct FitPrediction {
    FitValue loss; /* the law with its confidence interval */
    FitValue run;  /* with the prediction interval of one more run, which includes its noise */
} FitPrediction;

/* E_ARG if the law gives no loss, or p has values that are not positive. */
Status fit_predict(const FitResult *r, const LawPoint *p, FitPrediction *prediction);

/* Predicts each of the points: [count], in the arena. E_ARG, E_NOMEM. */
Status fit_predict_all(const FitResult *r, const LawPoint *points, int64_t count, Arena *arena,
                       FitPrediction **predictions);

/* Whether an outcome lies within the prediction interval of one more run. */
bool fit_is_within(const FitPrediction *p, double loss);

/* Optimal params and tokens at flops, and the loss there (NAN for approaches). E_ARG: the law gives
 * no optimum (compute; frontier without minima), or flops is not positive. */
Status fit_optimum(const FitResult *r, double flops, FitValue *params, FitValue *tokens,
                   FitValue *loss);

/* Whether the law gives optimal sizes. */
bool fit_has_optimum(const FitResult *r);

enum { FIT_DRAWS_MIN = 20 }; /* with fewer bootstrap draws there is no interval */

/* The second half of fit_law(): fills the values and intervals from theta and the bootstraps.
 * E_NOMEM. */
Status fit_intervals(FitResult *r);

#endif

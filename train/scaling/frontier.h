/* The law `frontier`: the lowest loss at each budget, and a family of curves through it.
 *
 * 1. At each budget C, the losses of one size are averaged over seeds. Of 4 sizes or more, the
 *    lowest point is that of the parabola of log L over log N through the lowest size and its two
 *    neighbours, in a dense grid all within a factor of 1.5; of 3, the lowest loss. A budget whose lowest size is its smallest or largest is
 *    left out. If every budget has one size, those are the lowest points.
 * 2. With x = log C and x_n of the largest budget, log L = a - b phi(x), phi(x) =
 *    (1 - exp(-l (x - x_n))) / l: a power law as l -> 0 (Kaplan et al.), bending towards an
 *    irreducible loss as l grows (Hoffmann et al.). a and b are least squares, for each l of a grid.
 * 3. Each l has a weight: its marginal likelihood, times a prior. The noise has a prior, too.
 * 4. A prediction is the mixture of the Student t distributions of all l. Beyond the budgets, an
 *    error of the form is added: a share of the improvement that is predicted there.
 *
 * For other than the best size, log L grows by curvature/2 (log N - log N*)^2, with N* by approach 2
 * and the mean curvature of the parabolas; the errors of both widen the interval. */
#ifndef TRAIN_SCALING_FRONTIER_H
#define TRAIN_SCALING_FRONTIER_H

#include "train/scaling/fit.h"

enum { FRONTIER_CURVES = 60, FRONTIER_BUDGETS_MIN = 4 };

/* The fit for one l; log L = a + slope phi(x). */
typedef struct FrontierCurve {
    double l, weight, a, slope;
    double inverse[3]; /* of X'X, for X = [1, phi]: its elements 11, 12, 22 */
    double noise;      /* variance of one run */
} FrontierCurve;

typedef struct Frontier {
    FrontierCurve curve[FRONTIER_CURVES];
    int degrees;                          /* of freedom, of the Student t distributions */
    double first, last;                   /* log C of the smallest and largest budget */
    double curvature, curvature_variance; /* of log L over log N; NAN: unknown */
    /* Of log N* at `last` and of its slope: variance, covariance, variance; of minima's draws. */
    double size_covariance[3];
    const FitResult *minima; /* approach 2; NULL: the best size is unknown */
    const char *no_minima;   /* why */
} Frontier;

/* Finds the lowest point of each budget: [budgets], by flops. Those left out have params NAN and a
 * reason. E_NOMEM. */
Status frontier_budgets(const LawPoint *points, int64_t count, Arena *arena, FitBudget **budget,
                        int64_t *budgets);

/* The number of budgets that are not left out, moved to the front. */
int64_t frontier_used(FitBudget *budget, int64_t budgets);

/* Fits the curves to budgets by flops, none left out; count >= 3. Fills all of f but minima. */
void frontier_curves(const FitBudget *budget, int64_t count, Frontier *f);

/* The loss at flops exp(log_c), of the law and of one more run: at the best size, or at a size
 * exp(off) times the best, for which the curvature must be known. */
FitPrediction frontier_predict(const Frontier *f, double log_c, double level);
FitPrediction frontier_predict_size(const Frontier *f, double log_c, double off, double level);

/* The loss at the largest budget, the exponent b there, and l. */
void frontier_values(const Frontier *f, double level, FitValue value[3]);

/* Fills r->frontier, budget and value. E_DATA: fewer than FRONTIER_BUDGETS_MIN budgets have a lowest
 * point, or their losses do not decrease. E_NOMEM. */
Status frontier_fit(const LawPoint *points, int64_t count, const FitOptions *options, Arena *arena,
                    FitResult *r);

/* The same from budgets that are known already. minima: NULL if unknown; covariance: of
 * Frontier. */
Status frontier_from(FitBudget *budget, int64_t budgets, const FitResult *minima,
                     const char *no_minima, const double covariance[3], Arena *arena, FitResult *r);

#endif

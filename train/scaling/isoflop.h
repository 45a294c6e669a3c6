/* Approaches 1 and 2 of Hoffmann et al. 2022 (2203.15556): find the optimal model at each C,
 * without a law of the loss, and fit lines: log N = log N0 + a log C, log D = log D0 + b log C.
 *
 * Approach 1 finds the lowest training curve at each of ENVELOPE_POINTS values of C. Where that is
 * the smallest or the largest model, the optimum may lie beyond, so that C is left out. Approach 2
 * groups points by budget (neighbours in C within an eighth, all within a factor of 1.3) and takes
 * the minimum of a parabola through loss against log N or, as Porian et al. 2024 (2406.19146), of
 * an Akima spline (1970) through log loss. A budget with its minimum at the edge is left out. */
#ifndef TRAIN_SCALING_ISOFLOP_H
#define TRAIN_SCALING_ISOFLOP_H

#include "train/scaling/fit.h"

enum { ENVELOPE_POINTS = 1500 };

/* A point of a budget, in logarithms. */
typedef struct Sized {
    double log_c, log_n, log_d, log_loss;
} Sized;

/* Points by budget, by size within a budget. */
typedef struct Isoflops {
    Sized *p; /* [points] */
    int64_t points, budgets;
    int64_t *first; /* [budgets + 1] */
} Isoflops;

/* Groups points by budget. E_NOMEM. */
Status isoflop_group(const LawPoint *points, int64_t count, Arena *arena, Isoflops *g);

/* The parabola of least squares through (log N - middle, loss): c[0] + c[1] x + c[2] x^2. loss
 * [count]; NULL: log_loss. False if there are too few sizes. */
bool isoflop_parabola(const Sized *p, int64_t count, const double *loss, double middle,
                      double c[3]);

/* Fill theta, draw, and budget or envelope; the envelope even if there is no law. E_DATA: too few
 * curves or budgets. */
Status isoflop_envelope(const LawPoint *points, int64_t count, const FitOptions *f, Arena *arena,
                        FitResult *r);
Status isoflop_minima(const LawPoint *points, int64_t count, const FitOptions *f, Arena *arena,
                      FitResult *r);

/* The systematic error of approach 2: applies isoflop_minima() to noiseless losses of the
 * chinchilla law `theta` (not centred) at the same N and C. a: found minus true exponent; params:
 * found / true optimal params at ten times the largest C. E_DATA: no minima. */
Status isoflop_bias(const LawPoint *points, int64_t count, const FitOptions *f, const double *theta,
                    double flop_factor, double *a, double *params);

/* The Akima spline through knots (x ascending, count >= 3) at `at`, between the first and last
 * knot. */
double isoflop_akima(const double *x, const double *y, int64_t count, double at);

#endif

/* Approaches 1 and 2 of Hoffmann et al. 2022 (2203.15556): what is optimal at each C, without a law of the
 * loss, and lines through that: log N = log N0 + a log C, log D = log D0 + b log C.
 *
 * Approach 1 looks, at each of ENVELOPE_POINTS places in C, which training curve is lowest. Places where it is the
 * smallest or the largest model there are left out: a better one may lie beyond.
 * Approach 2 takes the points of a budget (C alike: neighbours within an eighth, all within 1.3) and the lowest place of a parabola
 * through loss against log N, or, as Porian et al. 2024 (2406.19146), of Akima's curve (1970) through log loss.
 * A budget whose lowest place is at its edge is left out. */
#ifndef TRAIN_SCALING_ISOFLOP_H
#define TRAIN_SCALING_ISOFLOP_H

#include "train/scaling/fit.h"

enum { ENVELOPE_POINTS = 1500 };

/* E_DATA: curves or budgets are too few. Fill theta, draw, budget; envelope, even where there is no law. */
Status isoflop_envelope(const LawPoint *points, int64_t count, const FitOptions *f, Arena *arena,
                        FitResult *r);
Status isoflop_minima(const LawPoint *points, int64_t count, const FitOptions *f, Arena *arena,
                      FitResult *r);

/* What isoflop_minima() would find if the chinchilla law `theta` (not centred) were true and runs had no
 * noise, at the same N and C, against what the law says: the approach's own error. a: found minus true;
 * params: factor of the optimal params at ten times the largest C. E_DATA: nothing is found. */
Status isoflop_bias(const LawPoint *points, int64_t count, const FitOptions *f, const double *theta,
                    double per, double *a, double *params);

/* log loss through knots (x rising, count >= 3), at `at` between the first and the last. */
double isoflop_akima(const double *x, const double *y, int64_t count, double at);

#endif

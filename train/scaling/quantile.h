/* Quantiles of sorted numbers. */
#ifndef TRAIN_SCALING_QUANTILE_H
#define TRAIN_SCALING_QUANTILE_H

#include <stdint.h>

/* The number below which a share of the sorted x [count] lies, between its neighbours where it falls between
 * two; count > 0. */
static inline double quantile(const double *x, int64_t count, double share)
{
    const double at = share * (double)(count - 1);
    const int64_t below = at <= 0 ? 0 : (int64_t)at;
    if (below >= count - 1) return x[count - 1];
    return x[below] + (at - (double)below) * (x[below + 1] - x[below]);
}

#endif

/* Quantiles. The numbers must not contain NAN: remove it first. */
#ifndef TRAIN_SUPPORT_QUANTILE_H
#define TRAIN_SUPPORT_QUANTILE_H

#include <stdint.h>

void sort_numbers(double *x, int64_t count); /* ascending */

/* The quantile `share` of sorted x [count], interpolated between neighbours; count > 0. */
double quantile(const double *x, int64_t count, double share);

double median(double *x, int64_t count); /* sorts x; NAN of none */

#endif

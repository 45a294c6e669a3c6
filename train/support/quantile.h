/* Quantiles of numbers. What is no number (NAN) has no place among them: leave it out first. */
#ifndef TRAIN_SUPPORT_QUANTILE_H
#define TRAIN_SUPPORT_QUANTILE_H

#include <stdint.h>

void sort_numbers(double *x, int64_t count); /* ascending */

/* Of sorted x [count]: the number below which a share of them lies, between its neighbours where it falls
 * between two; count > 0. */
double quantile(const double *x, int64_t count, double share);

double median(double *x, int64_t count); /* sorts x; NAN of none */

#endif

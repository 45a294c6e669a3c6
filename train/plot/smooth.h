/* Smoothing of noisy curves. */
#ifndef TRAIN_PLOT_SMOOTH_H
#define TRAIN_PLOT_SMOOTH_H

#include <stdint.h>

/* The number of neighbours on each side to smooth a curve of count points with: count / 64. */
int64_t smooth_reach(int64_t count);

/* out [count]: y averaged over the finite values within `reach` neighbours on each side, near ones
 * weighted more (two passes of a moving average). Windows shrink towards the start, so a steep
 * start is not smeared. NAN where y is not finite. sums: [2 (count + 1)], scratch. */
void smooth(const double *y, int64_t count, int64_t reach, double *sums, double *out);

/* The mean of the finite ones of the last 2 smooth_reach(count) + 1 values; NAN if there are
 * none. */
double smooth_end(const double *y, int64_t count);

/* The median of the finite numbers; NAN if there are none. scratch: [count]. */
double smooth_median(const double *y, int64_t count, double *scratch);

#endif

/* Smoothing of noisy curves. */
#ifndef TRAIN_PLOT_SMOOTH_H
#define TRAIN_PLOT_SMOOTH_H

#include <stdint.h>

/* Neighbours on each side that smooth a curve of count points: a 64th of them. */
int64_t smooth_reach(int64_t count);

/* out [count]: the mean of y over the finite ones of `reach` neighbours on each side, the near ones counting more;
 * of at most half as many as there are to the left, so that a steep beginning stays where it is. NAN where y is not
 * finite. sums: [2 (count + 1)], scratch. */
void smooth(const double *y, int64_t count, int64_t reach, double *sums, double *out);

/* The mean of the last 2 reach + 1 points, those that are finite; NAN if none is. */
double smooth_end(const double *y, int64_t count);

/* The median of the finite numbers; NAN if there are none. scratch: [count]. */
double smooth_median(const double *y, int64_t count, double *scratch);

#endif

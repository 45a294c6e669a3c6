/* Straight lines by weighted least squares. */
#ifndef TRAIN_SUPPORT_LINE_H
#define TRAIN_SUPPORT_LINE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Line {
    double at_zero, slope;
} Line;

/* Through points of weight > 0; false unless there are two different x. */
static inline bool line_fit(const double *x, const double *y, const double *weight, int64_t count,
                            Line *line)
{
    double sum = 0, mx = 0, my = 0, xx = 0, xy = 0;
    for (int64_t i = 0; i < count; i++)
        sum += weight[i], mx += weight[i] * x[i], my += weight[i] * y[i];
    mx /= sum, my /= sum;
    for (int64_t i = 0; i < count; i++) {
        xx += weight[i] * (x[i] - mx) * (x[i] - mx);
        xy += weight[i] * (x[i] - mx) * (y[i] - my);
    }
    line->slope = xy / xx;
    line->at_zero = my - line->slope * mx;
    return xx > 1e-12 * sum && isfinite(line->slope);
}

#endif

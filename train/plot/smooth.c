#include "train/plot/smooth.h"

#include <math.h>

#include "train/support/quantile.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t smooth_reach(int64_t count)
{
    return count / 64 + (count > 8);
}

static void moving_average(const double *y, int64_t count, int64_t reach, double *sums, double *out)
{
    double *sum = sums, *known = sums + count + 1;
    sum[0] = known[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        sum[i + 1] = sum[i] + (isfinite(y[i]) ? y[i] : 0);
        known[i + 1] = known[i] + isfinite(y[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t left = least(reach, i / 2), right = least(left, count - 1 - i),
                      begin = i - left, end = i + right + 1;
        out[i] = isfinite(y[i]) ? (sum[end] - sum[begin]) / (known[end] - known[begin]) : NAN;
    }
}

void smooth(const double *y, int64_t count, int64_t reach, double *sums, double *out)
{
    moving_average(y, count, (reach + 1) / 2, sums, out);
    moving_average(out, count, reach / 2, sums, out);
}

double smooth_end(const double *y, int64_t count)
{
    double sum = 0, known = 0;
    for (int64_t i = count - least(count, 2 * smooth_reach(count) + 1); i < count; i++)
        if (isfinite(y[i])) sum += y[i], known++;
    return sum / known;
}

double smooth_median(const double *y, int64_t count, double *scratch)
{
    int64_t known = 0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(y[i])) scratch[known++] = y[i];
    return median(scratch, known);
}

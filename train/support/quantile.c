#include "train/support/quantile.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_numbers(double *x, int64_t count)
{
    qsort(x, (size_t)count, sizeof *x, ascending);
}

double quantile(const double *x, int64_t count, double share)
{
    const double at = share * (double)(count - 1);
    const int64_t below = at <= 0 ? 0 : (int64_t)at;
    if (below >= count - 1) return x[count - 1];
    return x[below] + (at - (double)below) * (x[below + 1] - x[below]);
}

double median(double *x, int64_t count)
{
    if (!count) return NAN;
    sort_numbers(x, count);
    return (x[(count - 1) / 2] + x[count / 2]) / 2;
}

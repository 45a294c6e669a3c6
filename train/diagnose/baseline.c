#include "train/diagnose/baseline.h"

#include <math.h>

#include "train/support/quantile.h"

bool usual_row(const History *h, int64_t i)
{
    const double *row = history_row(h, i);
    return row[SIGNAL_flag] == 0 && row[SIGNAL_taken] == 1;
}

double usual_log(double x)
{
    return log(fabs(x) < 1e-300 ? 1e-300 : fabs(x));
}

Usual usual_of(const History *h, int64_t begin, int64_t end, int64_t column, bool logarithm)
{
    double x[USUAL_ROWS_MAX];
    int64_t count = 0;
    for (int64_t i = end; i-- > begin && count < USUAL_ROWS_MAX;) {
        const double value = history_row(h, i)[column];
        if (usual_row(h, i) && isfinite(value)) x[count++] = logarithm ? usual_log(value) : value;
    }
    Usual u = {.count = count, .middle = median(x, count)};
    for (int64_t i = 0; i < count; i++) x[i] = fabs(x[i] - u.middle);
    u.spread = 1.4826 * median(x, count);
    return u;
}

#include "train/diagnose/baseline.h"

#include <math.h>

#include "train/support/quantile.h"

bool baseline_is_ordinary(const History *h, int64_t i)
{
    const double *row = history_row(h, i);
    return row[SIGNAL_flag] == 0 && row[SIGNAL_taken] == 1;
}

double baseline_log(double x)
{
    return log(fabs(x) < 1e-300 ? 1e-300 : fabs(x));
}

Baseline baseline_of(const History *h, int64_t begin, int64_t end, int64_t column, bool logarithm)
{
    double x[BASELINE_ROWS_MAX];
    int64_t count = 0;
    for (int64_t i = end; i-- > begin && count < BASELINE_ROWS_MAX;) {
        const double value = history_row(h, i)[column];
        if (baseline_is_ordinary(h, i) && isfinite(value))
            x[count++] = logarithm ? baseline_log(value) : value;
    }
    Baseline u = {.count = count, .median = median(x, count)};
    for (int64_t i = 0; i < count; i++) x[i] = fabs(x[i] - u.median);
    u.mad = 1.4826 * median(x, count);
    return u;
}

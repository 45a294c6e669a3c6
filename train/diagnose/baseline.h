/* Baselines: robust statistics of a signal over the ordinary steps of a history. */
#ifndef TRAIN_DIAGNOSE_BASELINE_H
#define TRAIN_DIAGNOSE_BASELINE_H

#include "train/monitor/history.h"

typedef struct Baseline {
    int64_t count;      /* of values */
    double median, mad; /* mad: scaled by 1.4826, as in train/monitor/detector.h */
} Baseline;

enum { BASELINE_ROWS_MAX = 256 };

/* Of a column over the ordinary rows in [begin, end), or of the logarithm of its absolute value.
 * Values that are not finite are ignored; at most the newest BASELINE_ROWS_MAX rows count. */
Baseline baseline_of(const History *h, int64_t begin, int64_t end, int64_t column, bool logarithm);

/* Whether the step of row i was not flagged and its update was made. */
bool baseline_is_ordinary(const History *h, int64_t i);

double baseline_log(double x); /* log |x|, with |x| at least 1e-300; NAN of NAN */

#endif

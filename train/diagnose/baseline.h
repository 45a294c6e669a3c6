/* What was usual in a history: rows that were taken and not flagged. */
#ifndef TRAIN_DIAGNOSE_BASELINE_H
#define TRAIN_DIAGNOSE_BASELINE_H

#include "train/monitor/history.h"

typedef struct Usual {
    int64_t count;         /* of numbers it is made of */
    double middle, spread; /* median; 1.4826 times the median absolute deviation */
} Usual;

enum { USUAL_ROWS_MAX = 256 };

/* Of a column over the rows [begin, end), or of its logarithm; what is not finite is left out. At most the
 * newest USUAL_ROWS_MAX rows count. */
Usual usual_of(const History *h, int64_t begin, int64_t end, int64_t column, bool logarithm);

/* Whether row i was an ordinary one. */
bool usual_row(const History *h, int64_t i);

double usual_log(double x); /* of |x|, but never of 0; NAN of NAN */

#endif

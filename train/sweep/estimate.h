/* How long a sweep will take, from how long its runs took so far. */
#ifndef TRAIN_SWEEP_ESTIMATE_H
#define TRAIN_SWEEP_ESTIMATE_H

#include "train/sweep/cell.h"

typedef struct Estimate {
    double *rates; /* by cell: seconds a FLOP; 0: unknown */
    int64_t count;
} Estimate;

/* E_NOMEM. free(e->rates) in any case. */
Status estimate_open(Estimate *e, int64_t count);

/* What cell i has shown: so many steps in so many seconds. */
void estimate_note(Estimate *e, const Cell *cells, int64_t i, int64_t steps, double seconds);

/* Seconds that `steps` of cell i take, by the cell of the nearest size that is known; 0: none is. */
double estimate_seconds(const Estimate *e, const Cell *cells, int64_t i, int64_t steps);

#endif

/* Onset: which parts of a model left their usual band first, before a spike.
 *
 * A part's band is what it was at the ordinary steps of the history up to ONSET_NEAR before the spike: the
 * median, give or take ONSET_SPREADS spreads (of the logarithm), and at least a fifth of its value (of a
 * parameter's own length, which drifts as it learns: twice). Its
 * onset is the first of the last ONSET_NEAR steps, the spike included, at which it is outside. */
#ifndef TRAIN_DIAGNOSE_ONSET_H
#define TRAIN_DIAGNOSE_ONSET_H

#include "train/monitor/history.h"

enum { ONSET_NEAR = 16, ONSET_LEAST = 8 };
#define ONSET_SPREADS 8.0

typedef struct Onset {
    bool is_param;
    int64_t index;  /* of the block, or of the parameter */
    int signal;     /* LAYER_ or PARAM_ */
    int64_t step;   /* at which it was first outside */
    double usual;   /* the middle of its band */
    double value;   /* where it got to, when it was furthest away */
    double spreads; /* how far that is, in spreads of the logarithm */
} Onset;

/* All that left their bands, in the order in which they did (of those that did at one step, the furthest
 * first), in a. None if fewer than ONSET_LEAST rows tell what is usual. */
Status onset_find(const History *h, Arena *a, Onset **out, int64_t *count);

#endif

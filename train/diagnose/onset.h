/* Onset: which parts of a model left their baseline first, before a spike.
 *
 * The band of a signal is its median over the ordinary steps up to ONSET_NEAR before the spike,
 * plus or minus ONSET_DEVIATIONS scaled MADs of its logarithm, and at least a factor of 1.2 (2 for
 * the norm of a parameter, which drifts as it learns). Its onset is the first of the last
 * ONSET_NEAR steps, the spike included, outside the band. */
#ifndef TRAIN_DIAGNOSE_ONSET_H
#define TRAIN_DIAGNOSE_ONSET_H

#include "train/monitor/history.h"

enum { ONSET_NEAR = 16, ONSET_LEAST = 8 };
#define ONSET_DEVIATIONS 8.0

typedef struct Onset {
    bool is_param;
    int64_t index;     /* of the block, or of the parameter */
    int signal;        /* LAYER_ or PARAM_ */
    int64_t step;      /* the first one outside the band */
    double baseline;   /* center of the band */
    double value;      /* the most distant value */
    double deviations; /* its distance, in scaled MADs of the logarithm */
} Onset;

/* All signals that left their band, by step, then by decreasing distance, in a. None if fewer than
 * ONSET_LEAST rows give a baseline. E_NOMEM. */
Status onset_find(const History *h, Arena *a, Onset **out, int64_t *count);

#endif

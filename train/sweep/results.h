/* The progress and result of a run, from its journal. */
#ifndef TRAIN_SWEEP_RESULTS_H
#define TRAIN_SWEEP_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"

typedef struct RunResults {
    int64_t step, tokens; /* at the last training line */
    double seconds;       /* of training until then */
    double loss;          /* of the last evaluation; NaN: it was not finite */
    int64_t loss_step;    /* -1: none */
} RunResults;

/* The last lines of FOLDER/metrics.jsonl. No journal yet: all 0, loss_step -1. E_IO, E_DATA. */
Status results_read(const char *folder, RunResults *r);

#endif

/* A probe: real training steps of a model on made-up tokens, for plan and bench. Needs no dataset.
 *
 * The tokens are a stream of random ones whose frequencies fall as 1 / rank (Zipf), made once; each
 * step copies its windows from it, as a step on a dataset does. */
#ifndef TRAIN_PLAN_PROBE_H
#define TRAIN_PLAN_PROBE_H

#include "train/config/config.h"
#include "train/step/microbatches.h"

typedef struct Probe {
    const Config *config;
    Arena arena;
    Batch batch;
    Params params;
    Gpt model;
    Microbatches *microbatches;
    int32_t *stream; /* [windows of 8 batches] */
    int64_t step;
    double loss;      /* of the last step */
    Profile *profile; /* steps are added to it; NULL: none */
} Probe;

/* Borrows c. Close p whatever this returns. */
Status probe_open(Probe *p, const Config *c, int64_t vocab_size);
void probe_close(Probe *p);

/* One step, as run_step() takes it, and its duration. */
Status probe_step(Probe *p, double *seconds);

/* The median of `steps` steps, after `warmup` that are not counted. */
Status probe_median(Probe *p, int64_t warmup, int64_t steps, double *seconds);

#endif

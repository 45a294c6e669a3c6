/* A run: everything that changes while a model trains. Its config does not change. */
#ifndef TRAIN_RUN_RUN_H
#define TRAIN_RUN_RUN_H

#include "data/batch.h"
#include "data/dataset.h"
#include "layers/gpt.h"
#include "train/config/config.h"
#include "train/monitor/inject.h"
#include "train/monitor/monitor.h"
#include "train/step/microbatches.h"

typedef struct Run {
    const Config *config;
    Arena arena;
    Dataset dataset;
    Batches train, val;
    bool has_val; /* false: the validation split has no window, or none with a loss token */
    bool val_lacks_loss;
    Batch batch;
    Params params;
    Gpt model;
    Microbatches *microbatches;
    Monitor monitor;
    InjectTarget fault; /* monitor.inject = nan */

    int64_t step;         /* optimizer steps taken */
    int64_t batch_index;  /* of the last batch: more than step after skips and rewinds */
    int64_t tokens;       /* loss tokens of all steps */
    double best_val_loss; /* infinity: none yet */
    int64_t best_step;
    NoiseScale noise; /* of the gradients of all steps */

    /* Of the last batch. */
    double loss;         /* before any update on it */
    double grad_norm;    /* before clipping */
    NoiseSample sample;  /* of the groups' gradients */
    TapeFinding finding; /* origin of the first number that is not finite, if any */
    bool poisoned;       /* monitor.inject = nan was due */
    double lr;           /* of the last step */
} Run;

/* A fresh model on the config's dataset. E_CONFIG: nothing can be learnt from that, among others.
 * Borrows c. Close r whatever this returns. */
Status run_open(Run *r, const Config *c);
void run_close(Run *r);

/* Computes loss and gradient of the next batch, and judges them: r->monitor.judgement. Changes
 * neither parameters nor counters. Dropout depends on the step, not on the batch, so a run that
 * skips batches is bit for bit the run whose data lacks them. */
Status run_measure(Run *r);

/* Carry out the verdict: update the parameters; skip the batch. */
void run_update(Run *r);
void run_skip(Run *r);

/* E_NUMERIC with the judgement's message: for VERDICT_STOP. */
Status run_stop_error(const Run *r);

/* A whole step, for callers that cannot rewind: the batch is skipped instead. E_NUMERIC: the loss
 * or the gradient is not finite, and the monitor does not skip it; the message names the first op
 * and parameter with a number that is not finite, and nothing was updated. */
Status run_step(Run *r);

/* Validation loss in nats per token: the mean over eval_batches batches, evenly spaced over the
 * split, the same ones each time. If none of them has a loss token, the first one that does. Only
 * if has_val. */
Status run_val_loss(Run *r, double *loss);

#endif

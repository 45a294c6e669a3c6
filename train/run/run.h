/* A run: all that changes while a model trains. The config it was opened with does not. */
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
    bool has_val; /* false: the validation split is too short for one window */
    Batch batch;
    Params params;
    Gpt model;
    Microbatches *microbatches;
    Monitor monitor;
    InjectTarget fault; /* monitor.inject = nan */

    int64_t step;         /* updates made */
    int64_t batch_index;  /* of the last batch: more than step after skips and rewinds */
    int64_t tokens;       /* loss tokens of all updates */
    double best_val_loss; /* infinity: none yet */
    int64_t best_step;
    NoiseScale noise; /* of the gradients of updates made */

    /* Of the last batch. */
    double loss;         /* before any update on it */
    double grad_norm;    /* before clipping */
    NoiseSample sample;  /* of the microbatches' gradients */
    TapeFinding finding; /* where what is not finite came from, if something was */
    bool poisoned;       /* monitor.inject = nan was due */
    double lr;           /* of the last update */
} Run;

/* A fresh model on the config's dataset. Borrows c. r is to be closed whatever this returns. */
Status run_open(Run *r, const Config *c);
void run_close(Run *r);

/* Draws the next batch, computes loss and gradient, and judges them: r->monitor.judgement. Nothing that is
 * learnt or counted has changed. Dropout is a function of the update, not of the batch: a run with skips is
 * bit for bit the run whose data lacks what was skipped. */
Status run_measure(Run *r);

/* What the verdict asks for: the update, or only to leave the batch. */
void run_update(Run *r);
void run_leave(Run *r);

/* E_NUMERIC with the judgement's message: for VERDICT_STOP. */
Status run_stopped(const Run *r);

/* All of that, one batch, where nobody can rewind: the batch is skipped then. E_NUMERIC if the loss or the
 * gradient is not finite and the monitor does not skip it: the message names the first op and parameter
 * that went bad, and nothing was updated. */
Status run_step(Run *r);

/* Held-out loss in nats a token: the mean over eval_batches batches, evenly spaced over the split, the
 * same ones each time. Only if has_val. */
Status run_val_loss(Run *r, double *loss);

#endif

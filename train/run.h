/* A run: all that changes while a model trains. The config it was opened with does not. */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include "data/batch.h"
#include "data/dataset.h"
#include "layers/gpt.h"
#include "train/config.h"
#include "train/lanes.h"

typedef struct Run {
    const Config *config;
    Arena arena;
    Dataset dataset;
    Batches train, val;
    bool has_val; /* false: the held-out split is too short for one window */
    Batch batch;
    Params params;
    Gpt model;
    Lanes *lanes;

    int64_t step;         /* updates made */
    int64_t draw;         /* batches drawn */
    int64_t tokens;       /* loss tokens of all updates */
    double best_val_loss; /* infinity: none yet */
    int64_t best_step;

    /* Of the last update. */
    double loss;      /* of its batch, before it */
    double grad_norm; /* before clipping */
    double lr;
} Run;

/* A fresh model on the config's dataset. Borrows c. r is to be closed whatever this returns. */
Status run_open(Run *r, const Config *c);
void run_close(Run *r);

/* One update. E_NUMERIC if the loss or the gradient is not finite: the message names the first op and
 * parameter that went bad, and nothing was updated. */
Status run_step(Run *r);

/* Held-out loss in nats a token: the mean over eval_batches batches, evenly spaced over the split, the
 * same ones each time. Only if has_val. */
Status run_val_loss(Run *r, double *loss);

#endif

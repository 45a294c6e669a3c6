/* The task of one optimizer step: a batch, the loss to minimize on it, and the measurements to
 * make.
 *
 * Training, replays and probes all get theirs from step_task(), so that an option of the loss that
 * is added there reaches each of them. */
#ifndef TRAIN_STEP_STEP_TASK_H
#define TRAIN_STEP_STEP_TASK_H

#include "data/batch.h"
#include "layers/gpt.h"
#include "train/config/config.h"
#include "train/step/noise.h"

/* Measurements of the whole batch, summed in the order of micro-batches, so the number of threads
 * changes no bit. Each pointer may be NULL: not wanted. */
typedef struct StepStats {
    real *row_loss; /* [rows of the batch]: plain cross-entropy; 0 where there is no target */
    /* [layers]: LAYER_SIGNAL_LIST of train/monitor/history.h. */
    double *activation, *entropy, *max_logit;
    double log_z; /* mean over loss tokens */
} StepStats;

typedef struct StepTask {
    const Gpt *model;
    const Batch *batch;
    uint64_t step; /* seeds dropout, so that skipping a batch does not change later steps */
    bool dropout;
    double z_loss, smoothing;
    StepStats *stats;         /* NULL: not wanted */
    NoiseSample *noise;       /* NULL: not wanted */
    const TapePoison *poison; /* NULL: none. It goes into one micro-batch: */
    int64_t poison_microbatch;
} StepTask;

/* Training step number `step` (from 1) of c on the batch, without measurements. Borrows model and
 * batch. */
StepTask step_task(const Config *c, const Gpt *model, const Batch *batch, int64_t step);

/* The factor that turns the weighted sum of the batch's losses into their mean; 0 if there are
 * none. */
double step_task_scale(const StepTask *task);

#endif

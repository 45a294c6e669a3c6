/* One micro-batch: forward and backward over some sequences of a batch, on one thread's tape.
 * Internal to step/. */
#ifndef TRAIN_STEP_MICROBATCH_H
#define TRAIN_STEP_MICROBATCH_H

#include "train/step/microbatch_stats.h"

/* What all micro-batches of a pass over a batch share. */
typedef struct MicrobatchPass {
    const StepTask *task;
    int64_t count;        /* micro-batches in the batch */
    double scale;         /* of the loss that is differentiated */
    bool record;          /* run backward, too */
    real *row_loss;       /* [rows of the batch]; NULL: not wanted */
    StepStats *stats;     /* NULL: not wanted */
    TapeFinding *finding; /* NULL, or look at every number for the first that is not finite; slow */
} MicrobatchPass;

/* The first sequence of micro-batch k of `count`; of k = count: the number of sequences. */
int64_t microbatch_first(int64_t sequences, int64_t k, int64_t count);

/* Runs micro-batch k. Adds its gradients to grads [Params.count] as the flags `written` say (see
 * tape_record()). *loss: the sum of its plain cross-entropy, or NAN if what was differentiated is
 * not finite. */
Status microbatch_run(const MicrobatchPass *pass, int64_t k, Tape *t, real *grads, bool *written,
                      MicrobatchStats *stats, double *loss);

#endif

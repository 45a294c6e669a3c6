/* Measurements of each micro-batch, and their combination to those of the batch. Internal to
 * step/. */
#ifndef TRAIN_STEP_MICROBATCH_STATS_H
#define TRAIN_STEP_MICROBATCH_STATS_H

#include "train/step/step_task.h"

/* Sums over a micro-batch; [layers] each. */
typedef struct MicrobatchStats {
    double log_z;
    double *squares;          /* of the residual stream after each block */
    double *entropy, *counts; /* sum over rows and heads, and their number */
    double *max_logit;
    AttentionStats *attention; /* while the micro-batch runs */
    real *row_logz;
} MicrobatchStats;

/* For `count` micro-batches; NULL: out of memory. */
MicrobatchStats *microbatch_stats_take(Arena *a, int64_t count, int64_t layers);

/* Before forward: requests the wanted measurements from the model. Sets the status of t if memory
 * is out. */
void microbatch_stats_request(MicrobatchStats *s, const StepStats *wanted, const Gpt *g, Tape *t,
                              GptInput *in, CrossEntropy *loss);

/* After forward: sums them over the micro-batch. */
void microbatch_stats_sum(MicrobatchStats *s, const StepStats *wanted, const Gpt *g,
                          const GptInput *in);

/* Sums those of `count` micro-batches, in order. */
void microbatch_stats_join(const MicrobatchStats *s, int64_t count, const Gpt *g, const Batch *b,
                           StepStats *out);

#endif

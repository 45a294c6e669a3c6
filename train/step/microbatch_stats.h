/* Inside microbatches: what a microbatch measures, and how the microbatches' measures are put together. */
#ifndef TRAIN_STEP_MICROBATCH_STATS_H
#define TRAIN_STEP_MICROBATCH_STATS_H

#include "train/step/microbatches.h"

/* Sums over a microbatch; [layers] each. */
typedef struct MicrobatchStats {
    double log_z;
    double *squares;          /* of the residual stream behind a block */
    double *entropy, *counts; /* over rows and heads, and over how many */
    double *max_logit;
    AttentionStats *attention; /* while the microbatch runs */
    real *row_logz;
} MicrobatchStats;

/* NULL when memory is out. */
MicrobatchStats *microbatch_stats_take(Arena *a, int64_t microbatches, int64_t layers);

/* Asks the model for what is wanted. A fault of t if memory is out. */
void microbatch_stats_ask(MicrobatchStats *s, const StepStats *wanted, const Gpt *g, Tape *t,
                          GptInput *in, CrossEntropy *loss);

/* Adds up what it has answered. */
void microbatch_stats_sum(MicrobatchStats *s, const StepStats *wanted, const Gpt *g,
                          const GptInput *in);

/* In the order of microbatches. */
void microbatch_stats_join(const MicrobatchStats *s, int64_t microbatches, const Gpt *g,
                           const Batch *b, StepStats *out);

#endif

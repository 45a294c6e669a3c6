/* Inside lanes: what a leaf measures, and how the leaves' measures are put together. */
#ifndef TRAIN_STEP_LANE_STATS_H
#define TRAIN_STEP_LANE_STATS_H

#include "train/step/lanes.h"

/* Sums over a leaf; [layers] each. */
typedef struct LeafStats {
    double log_z;
    double *squares;          /* of the residual stream behind a block */
    double *entropy, *counts; /* over rows and heads, and over how many */
    double *max_logit;
    AttentionStats *attention; /* while the leaf runs */
    real *row_logz;
} LeafStats;

/* NULL when memory is out. */
LeafStats *leaf_stats_take(Arena *a, int64_t leaves, int64_t layers);

/* Asks the model for what is wanted. A fault of t if memory is out. */
void leaf_stats_ask(LeafStats *s, const LaneStats *wanted, const Gpt *g, Tape *t, GptInput *in,
                    CrossEntropy *loss);

/* Adds up what it has answered. */
void leaf_stats_sum(LeafStats *s, const LaneStats *wanted, const Gpt *g, const GptInput *in);

/* In the order of leaves. */
void leaf_stats_join(const LeafStats *s, int64_t leaves, const Gpt *g, const Batch *b,
                     LaneStats *out);

#endif

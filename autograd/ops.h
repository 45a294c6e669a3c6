/* The ops that models are built from.
 *
 * Shapes are written [outer, inner]; "..." is any number of leading dimensions, and a row is one
 * slice along the last dimension. Each function returns a tensor on tape t, or NULL once t has a
 * fault (tape.h). Pointers in attributes are borrowed until tape_reset(). Formulas and sources are
 * in the op's own file. */
#ifndef AUTOGRAD_OPS_H
#define AUTOGRAD_OPS_H

#include "autograd/base/rng.h"
#include "autograd/base/schema.h"
#include "autograd/tape.h"

#define OP_LIST(X)   \
    X(activation)    \
    X(add)           \
    X(attention)     \
    X(cross_entropy) \
    X(dropout)       \
    X(embedding)     \
    X(layernorm)     \
    X(linear)        \
    X(log_prob)      \
    X(rmsnorm)       \
    X(rope)          \
    X(scale)         \
    X(scale_heads)   \
    X(softcap)       \
    X(sum)

#define ACTIVATION_CHOICES(X) \
    X(ACTIVATION, gelu)       \
    X(ACTIVATION, relu)       \
    X(ACTIVATION, relu2)      \
    X(ACTIVATION, silu) X(ACTIVATION, swiglu) X(ACTIVATION, geglu) X(ACTIVATION, gelu_exact)

CHOICES(Activation, ACTIVATION_CHOICES, activation_text)

/* gelu (tanh form), gelu_exact (erf form), relu, relu2 (relu squared), silu of each element of
 * x [...]: [...]. swiglu, geglu: x [..., 2 n] holds gate and up side by side, result
 * act(gate) * up [..., n]. E_SHAPE if 2 n is odd. */
Tensor *ag_activation(Tape *t, Tensor *x, Activation kind);

/* x + y, both [...]. E_SHAPE if they differ. */
Tensor *ag_add(Tape *t, Tensor *x, Tensor *y);

/* Dropout: each number becomes 0 with probability rate, else is divided by 1 - rate. The mask is a
 * function of (rng, step, position in the batch) alone: it does not depend on micro-batches, and
 * backward recomputes it instead of storing it. */
typedef struct Dropout {
    Rng rng; /* one stream for each dropout in the model */
    uint64_t
        step; /* of the optimizer, from 1; not the batch: a skipped batch changes no later mask */
    int64_t first_row; /* index in the whole batch of this tape's row 0 */
    double rate;       /* 0: nothing is dropped; below 1 */
} Dropout;

/* dropout(x) [..., n], plus residual [..., n] if it is not NULL. E_SHAPE if they differ. */
Tensor *ag_dropout(Tape *t, Tensor *x, Tensor *residual, const Dropout *d);

/* Which keys each query row sees. A segment is a range of query rows and a range of key rows that
 * see only each other: a document or a whole sequence; in cross-attention, the rows of a target and
 * the rows of its source. */
typedef struct AttentionRows {
    int64_t segments;
    /* [segments + 1]: segment s has the query rows [queries[s], queries[s + 1]), */
    const int32_t *queries;
    const int32_t *keys; /* [segments + 1]: and likewise key rows */
    /* [query rows]: row i sees the key rows [first[i], end[i]) of its segment, counted from the
     * segment's first key; an empty interval gives a row of zeros. There may be more keys than
     * queries, fewer, or none.
     * NULL: causal. The last query is at the position of the last key, each sees the keys up to its
     * own position, and there are at least as many keys as queries: more with a KV cache. */
    const int32_t *first, *end;
    /* [segments]: the end of each segment's keys, for a KV cache: segments may be anywhere in k,
     * rows of k may belong to none, and no input may want a gradient. NULL: the keys of a segment
     * end where those of the next begin. */
    const int32_t *key_ends;
} AttentionRows;

/* Statistics of attention, written by forward if wanted. */
typedef struct AttentionStats {
    real *max_logit; /* [heads]: largest scaled score any row saw; -inf if none */
    /* [heads]: sum of the entropy of the weights before dropout, in nats, over the rows that see a
     * key; [1]: the number of these rows. NULL: neither is wanted. */
    double *entropy;
    int64_t *rows;
} AttentionStats;

typedef struct Attention {
    int64_t heads, kv_heads; /* query head h reads key head h kv_heads / heads; no remainder */
    int64_t head_width;      /* of a head in q and k */
    int64_t value_width;     /* of a head in v and in the result; 0: head_width */
    int64_t q_column, k_column, v_column; /* where the heads begin in the rows of q, k, v */
    double scale;
    double softcap; /* scores s become softcap tanh(s / softcap), before ALiBi is added; 0: none */
    /* [heads]: ALiBi, adds -slope |i - j|; the last query is at the last key. NULL: none. */
    const double *slopes;
    AttentionRows rows;
    /* [kv_heads]: sliding windows. Row i of a segment sees, of the keys that `rows` gives it, those
     * less than this many positions away: w keys of the past, its own included, and where it sees
     * ahead as many there. The last query is at the last key. 0: no window. NULL: none at all. */
    const int64_t *windows;
    /* A row that does not see its segment's first keys for its window sees this many of them
     * nevertheless (Xiao et al. 2023, arXiv:2309.17453). At most the shortest window. */
    int64_t sinks;
    /* For a KV cache, with one query a segment: the last `ring` keys of each segment are a ring, whose
     * first key is `turn` rows after the segment's other keys; 0, 0: keys are in order. */
    int64_t ring, turn;
    /* [heads]: a learned sink, the score of one more key, which has no value (gpt-oss): all weights
     * of a row sum to less than 1. Statistics leave it out. NULL: none. */
    Tensor *sink;
    Dropout dropout; /* of the weights */
    AttentionStats stats;
} Attention;

/* softmax(scale q k^T) v for each head: [queries, heads * value_width]. q [queries, ...], k [keys,
 * ...], v [keys, ...] may be columns of one tensor given three times. E_SHAPE if columns or rows do
 * not fit. */
Tensor *ag_attention(Tape *t, Tensor *q, Tensor *k, Tensor *v, const Attention *a);

typedef struct CrossEntropy {
    const int32_t *targets; /* [rows]: a token in [0, V), or -1: this row has no loss */
    const real *weights;    /* [rows]; NULL: 1 each */
    double scale;           /* 1 / (sum of weights over the whole step) makes it a mean */
    double z_loss;          /* adds z_loss * log(Z)^2 (Chowdhery et al. 2022, section 5) */
    double smoothing;       /* of labels (Szegedy et al. 2016, section 7) */
    double softcap;         /* of the logits, before everything else: see ag_softcap(); 0: none */
    /* Output, each [rows] or NULL: the cross-entropy in nats without z-loss and smoothing, and log
     * Z; 0 where the target is -1. */
    real *row_loss, *row_logz;
} CrossEntropy;

/* The output layer fused with its loss: the logits x w^T, x [rows, C], w [V, C], are never all in
 * memory. Result [], scale * sum of weight * (cross-entropy + z-loss, smoothed). w must be a
 * parameter if it wants a gradient. E_ARG if a target is not in [-1, V), or inside a segment.
 *
 * Forward computes the gradients, on the assumption that backward will give this result the tape's
 * seed as its gradient. That holds if the loss is this result or a sum that contains it (ag_add).
 * With another factor (ag_scale) the gradients are right too, but backward computes the logits a
 * second time: set scale instead. */
Tensor *ag_cross_entropy(Tape *t, Tensor *x, Tensor *w, const CrossEntropy *c);

/* Row i is row tokens[i] of weight [V, C]: [rows, C]. If position_table [P, C], learned or
 * constant, is not NULL, plus its row positions[i]. E_ARG if a token or position is out of
 * range. */
Tensor *ag_embedding(Tape *t, Tensor *weight, Tensor *position_table, const int32_t *tokens,
                     const int32_t *positions, int64_t rows);

/* Each row of x [..., n] shifted to mean 0, scaled to variance 1, times w [n], plus b [n] unless it
 * is NULL: [..., n]. eps is added to the variance. E_SHAPE if w or b is not [n]. */
Tensor *ag_layernorm(Tape *t, Tensor *x, Tensor *w, Tensor *b, double eps);

/* x [..., k] times the transpose of w [n, k], plus b [n] and residual [..., n] unless they are
 * NULL: [..., n]. E_SHAPE if they do not fit. */
Tensor *ag_linear(Tape *t, Tensor *x, Tensor *w, Tensor *b, Tensor *residual);

/* log p of targets[i] in row i, p = softmax(x w^T), x [rows, C], w [V, C]: [rows], in nats; 0 where
 * the target is -1. The logits [rows, V] are never all in memory. For losses that need more than
 * the mean of log p: training costs three products of x and w with ag_cross_entropy(), and four
 * with this. E_SHAPE, E_ARG as there. */
Tensor *ag_log_prob(Tape *t, Tensor *x, Tensor *w, const int32_t *targets);

/* Each row of x [..., n] over its root mean square, times w [n]: [..., n]. eps is added to the mean
 * square. E_SHAPE if w is not [n]. */
Tensor *ag_rmsnorm(Tape *t, Tensor *x, Tensor *w, double eps);

#define ROPE_SCALING_CHOICES(X) \
    X(ROPE_SCALING, none)       \
    X(ROPE_SCALING, linear)     \
    X(ROPE_SCALING, ntk)        \
    X(ROPE_SCALING, dynamic) X(ROPE_SCALING, yarn) X(ROPE_SCALING, llama3) X(ROPE_SCALING, longrope)

CHOICES(RopeScaling, ROPE_SCALING_CHOICES, rope_scaling_text)

/* How frequencies are stretched, so that a model reads longer texts than it was trained on. linear:
 * position interpolation (Chen et al. 2023, arXiv:2306.15595); ntk, dynamic, yarn: Peng et al. 2023,
 * arXiv:2309.00071; llama3: arXiv:2407.21783; longrope: Ding et al. 2024, arXiv:2402.13753. */
typedef struct RopeStretch {
    RopeScaling kind;
    double factor, original;                    /* above 1; the trained context */
    double beta_fast, beta_slow;                /* yarn: turns within the trained context */
    double low_freq_factor, high_freq_factor;   /* llama3: likewise */
    const double *factors_short, *factors_long; /* longrope: [pairs], divisors of frequencies */
} RopeStretch;

typedef struct Rope {
    int64_t heads, head_width; /* of queries and keys together: the first columns of x */
    bool normalize;            /* RMSNorm of each head first, without weight ("QK-norm") */
    double eps;
    bool rotate;
    double theta;             /* base of the wavelengths: the longest is 2 pi theta positions */
    const int32_t *positions; /* [rows]; not read unless rotate */
    int64_t rotated;          /* even: only the first columns of each head; 0: all */
    RopeStretch stretch;
    /* [rows]: tokens of each row's text; not read unless stretch is dynamic or longrope */
    const int32_t *lengths;
} Rope;

/* Prepares queries and keys for attention: the first heads * head_width columns of x [rows, n],
 * normalised and rotated: [rows, heads * head_width]. E_SHAPE if x has too few columns, or if
 * head_width is odd and rotate is set. */
Tensor *ag_rope(Tape *t, Tensor *x, const Rope *r);

/* factor x: [...]. */
Tensor *ag_scale(Tape *t, Tensor *x, double factor);

/* The columns of each head of x [..., heads width] times a weight: q [width] for the first q_heads
 * heads, k [width] for the others: [..., heads width]. E_SHAPE if these do not fit. */
Tensor *ag_scale_heads(Tape *t, Tensor *x, Tensor *q, Tensor *k, int64_t q_heads);

/* cap tanh(x / cap): [...], between -cap and cap (Gemma 2, arXiv:2408.00118, section 2). cap > 0. */
Tensor *ag_softcap(Tape *t, Tensor *x, double cap);

/* scale * sum of weights[i] * x[i] over all numbers of x [...]: []. weights: one for each number of
 * x; NULL: 1 each. With scale = 1 / count that is the mean. */
Tensor *ag_sum(Tape *t, Tensor *x, const real *weights, double scale);

/* The table, in the order of OP_LIST: for gradcheck. */
extern const Op *const op_table[];
extern const int op_count;

#define X(name) extern const Op op_##name;
OP_LIST(X)
#undef X

#endif

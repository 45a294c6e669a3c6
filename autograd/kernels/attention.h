/* Attention for one key head of one segment: y = softmax(scale q k^T - slope |i - j|) v.
 *
 * Forward goes over tiles of keys and never holds a whole row of scores. It keeps for each query
 * the largest score so far and the sum of exponentials relative to it; when a tile brings a larger
 * score, the sum and the row of y so far are scaled down (online softmax: Milakov & Gimelshein
 * 2018; Dao et al. 2022, arXiv 2205.14135, algorithm 1). Backward needs the weights again: it
 * recomputes the scores tile by tile and gets exact weights from one saved number per row, log_sum
 * (algorithm 4). That costs one more product, and saves a matrix of queries x keys per head.
 *
 * Tiles begin at the segment's first row, and a short strip is filled with zeros, so the bits
 * depend on the segment alone, not on its neighbours. Tiles that no row sees are skipped. BLAS
 * is not used: each number is one chain of multiply-adds in the order of the keys, or of the
 * columns. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_H
#define AUTOGRAD_KERNELS_ATTENTION_H

#include "autograd/base/rng.h"
#include "autograd/tensor.h"

/* A matrix whose row i begins at data + i * step. */
typedef struct AttentionMatrix {
    real *data;
    int64_t step;
} AttentionMatrix;

/* Likewise of bfloat16. */
typedef struct AttentionMatrixBf16 {
    bf16 *data;
    int64_t step;
} AttentionMatrixBf16;

typedef struct AttentionUnit {
    int64_t queries, keys; /* rows; ALiBi: the last query is at the last key */
    int64_t head_width;    /* of q and k */
    int64_t value_width;   /* of v and y */
    int64_t group; /* query heads that read this key head; in q, y, dq, dy they lie side by side */
    AttentionMatrix q, k, v, y;
    AttentionMatrixBf16 q_bf16, k_bf16, v_bf16, y_bf16; /* used instead: see attention_bf16.h */
    AttentionMatrix dy, dq, dk, dv;                     /* for backward; data NULL: not wanted */
    bool add_q, add_k, add_v;   /* dq, dk, dv hold sums to add to, not garbage */
    const int32_t *first, *end; /* [queries]: the keys that a row sees; NULL: causal */
    int64_t window; /* a row sees only keys less than `window` positions away; 0: no window */
    int64_t sinks;  /* first keys that a row sees besides; at most as many as its window is long */
    /* With one query: of the keys, the last `ring` are a ring in k and v, whose first key is `turn`
     * rows after the others. 0, 0: all are in order. */
    int64_t ring, turn;
    double scale;
    double softcap; /* scaled scores s become softcap tanh(s / softcap), before ALiBi; 0: none */
    const double *slopes; /* [group] or NULL */
    const real *sink;     /* [group]: a score that takes its share of the weights; NULL: none */
    real *log_sum;        /* [group, log_sum_step]: log2 of the sum of exponentials */
    int64_t log_sum_step;
    real *max_logit; /* [group]: the largest score; this and the next NULL: not wanted */
    double *entropy; /* [group]: sum over rows of the entropy of the weights before dropout */

    /* A weight is dropped if a random word, a function of (rng, step, row, key), is below
     * drop_below. */
    Rng rng;
    uint64_t step;
    uint64_t drop_row;      /* number of row 0 of the first head; + 1 per head, */
    uint64_t drop_row_step; /* + this per row */
    uint32_t drop_below;    /* 0: nothing is dropped */
    double drop_scale;      /* factor of the weights that are kept */

    /* The unit after this one, whose rows this one prefetches; NULL: none. */
    const struct AttentionUnit *next;

    void *scratch; /* attention_unit_scratch() bytes, 64-byte aligned */
} AttentionUnit;

int64_t attention_unit_scratch(int64_t keys, int64_t head_width, int64_t value_width,
                               bool backward);

void attention_unit_forward(const AttentionUnit *u);  /* y, log_sum, max_logit, entropy */
void attention_unit_backward(const AttentionUnit *u); /* dq, dk, dv, from y and log_sum */

/* One version for each instruction set; the two functions above choose. */
typedef void AttentionPass(const AttentionUnit *u);
AttentionPass attention_unit_forward_plain, attention_unit_backward_plain;
AttentionPass attention_unit_forward_avx512, attention_unit_backward_avx512;
AttentionPass attention_unit_forward_avx2, attention_unit_backward_avx2;

#endif

/* The bound that matrix products set: how long one training step would take if it were nothing else.
 *
 * The products are those of a step on `batch` sequences: of each linear layer and the output layer y = x
 * w^T, dx = dy w and dw = dy^T x, with weights and activations of their own for each layer; of
 * attention q k^T, p v and the four of backward, causal, in blocks of queries. All go through gemm(),
 * each in whichever way of using the threads is fastest here: spread by gemm() itself, or cut by
 * rows or by columns; those of bfloat16 through gemm_bf16(), whole or by rows. A step that is as fast as this has spent no time on anything else. */
#ifndef TRAIN_BENCH_GEMM_BOUND_H
#define TRAIN_BENCH_GEMM_BOUND_H

#include "layers/gpt.h"

/* One linear layer, or the output layer. */
typedef struct BoundProduct {
    const char *name; /* "qkv", "out", "up", "down", "head" */
    int64_t out, in;
    real *w, *dw, *x, *y;           /* [layers][...] */
    bf16 *w_bf16, *x_bf16, *y_bf16; /* the same, or NULL */
    int way[3];                     /* of forward, dx, dw: how threads share it */
    double rate[3];                 /* operations a second, alone */
} BoundProduct;

enum { BOUND_PRODUCTS = 5 };

typedef struct GemmBound {
    const GptConfig *config;
    Arena arena;
    int64_t vocab_size, batch, rows;
    bool low; /* products of bfloat16 */
    int threads;
    BoundProduct products[BOUND_PRODUCTS]; /* the last one is the head */
    real *dx, *dqkv, *scores;
    bf16 *scores_bf16;
    int64_t query_block;
    double attention_rate[2]; /* useful operations a second, alone: of forward, of backward */
    double linear_operations, attention_operations; /* of a step */
} GemmBound;

/* low: of a step in bfloat16. Measures which way is fastest: takes as long as some dozen steps. Borrows c. b is to be closed
 * whatever this returns. */
Status gemm_bound_open(GemmBound *b, const GptConfig *c, int64_t vocab_size, int64_t batch,
                       bool low, int threads);
void gemm_bound_close(GemmBound *b);

/* The products of one step; how long they took. */
void gemm_bound_run(const GemmBound *b, double *linear_seconds, double *attention_seconds);

#endif

/* The GEMM bound: how long a training step would take if it did nothing but its matrix products.
 *
 * The products are read from the model's own ops (layers/cost.h), for one step on whole windows.
 * Each product with a weight makes three calls of gemm(): y = x w^T, dx = dy w and dw = dy^T x, on
 * weights and activations of its own. Each attention makes q k^T and p v forward and four products
 * backward, causal, in blocks of queries. At gemm_bound_open() every call is timed with each way of
 * sharing it between threads (gemm() shares it itself, or it is cut by rows or by columns;
 * bfloat16: whole or by rows), and the fastest way is kept. */
#ifndef TRAIN_BENCH_GEMM_BOUND_H
#define TRAIN_BENCH_GEMM_BOUND_H

#include "layers/gpt.h"

enum { BOUND_FORWARD, BOUND_DX, BOUND_DW, BOUND_CALLS };
enum { BOUND_BACKWARD = 1 }; /* of attention */
enum { BOUND_NAME_MAX = 32, BOUND_PRODUCTS_MAX = 64, BOUND_ATTENTIONS_MAX = 16 };

/* Products with weights of one shape in one part of the model, often one in each block. */
typedef struct BoundProduct {
    char name[BOUND_NAME_MAX]; /* the scope of its op, without the block number: "attn", "mlp" */
    int64_t out, in, rows;     /* w [out, in], x [rows, in], y [rows, out] */
    int64_t count;             /* how many there are */
    bool is_loss;              /* the output layer: its three calls follow each other */
    real *w, *dw, *x, *y;      /* [count][...] */
    bf16 *w_bf16, *x_bf16, *y_bf16; /* the same in bfloat16, or NULL */
    int way[BOUND_CALLS];           /* how threads share the call */
    double rate[BOUND_CALLS];       /* FLOP/s of the call alone */
} BoundProduct;

/* Attentions of one shape. */
typedef struct BoundAttention {
    int64_t heads, kv_heads, head_width, value_width;
    int64_t segments, context; /* each segment has `context` queries and keys */
    int64_t window;            /* a query sees the last `window` keys; 0: all */
    int64_t count;
    real *qkv, *y; /* [count][rows, q k v side by side], [count][rows, heads value_width] */
    bf16 *qkv_bf16, *y_bf16; /* the same, but each head's rows side by side; or NULL */
    int64_t query_block;
    double flops; /* of one forward pass; backward: twice that */
    double rate[2];
} BoundAttention;

/* One product or attention of the model. */
typedef struct BoundNode {
    BoundProduct *product;     /* or NULL */
    BoundAttention *attention; /* or NULL */
    int64_t index;             /* in [0, count) */
} BoundNode;

typedef struct GemmBound {
    Arena arena;
    bool is_bf16;
    int threads;
    BoundProduct products[BOUND_PRODUCTS_MAX]; /* in the order of the forward pass */
    BoundAttention attentions[BOUND_ATTENTIONS_MAX];
    int product_count, attention_count;
    BoundNode *nodes; /* [node_count], in the order of the forward pass */
    int64_t node_count;
    real *dx, *dqkv, *scores;
    bf16 *scores_bf16;
    double linear_flops, attention_flops; /* of a step */
    double attention_rate[2];             /* FLOP/s of all attentions forward, backward */
} GemmBound;

/* A step of the model on `sequences` windows, in bfloat16 if the model is. Measures: takes as long
 * as some dozen steps. Borrows nothing. b must be closed whatever this returns. E_NOMEM; E_ARG if
 * the model has products of more shapes than BOUND_PRODUCTS_MAX. */
Status gemm_bound_open(GemmBound *b, const Gpt *g, int64_t sequences, int threads);
void gemm_bound_close(GemmBound *b);

/* Computes the products of one step and measures their time. */
void gemm_bound_run(const GemmBound *b, double *linear_seconds, double *attention_seconds);

/* For the files of gemm_bound only. */

/* Fills products, attentions and nodes: shapes and counts. */
Status bound_model_read(GemmBound *b, const Gpt *g, int64_t sequences);

/* Numbers between -1/2 and 1/2, so that nothing overflows and nothing is subnormal; NULL when
 * memory is out. */
real *bound_numbers(GemmBound *b, int64_t count);
bf16 *bound_numbers_bf16(GemmBound *b, int64_t count);

/* Takes the memory of b's attentions and finds the fastest block of queries. */
Status bound_attention_open(GemmBound *b);
void bound_attention_pass(const GemmBound *b, const BoundAttention *a, int64_t index,
                          bool backward);

#endif

/* Shared by layernorm and rmsnorm: the gradients of their weights, which are sums over rows. Each
 * block of rows sums its own rows in scratch, then the blocks are added in order: the bits do not
 * depend on the number of threads. */
#ifndef AUTOGRAD_OPS_NORM_ROWS_H
#define AUTOGRAD_OPS_NORM_ROWS_H

#include "autograd/base/threads.h"
#include "autograd/ops.h"

enum { NORM_ROWS = 64 }; /* of a block */

typedef struct NormAttr {
    double eps;
} NormAttr;

static inline int64_t norm_blocks(const Node *n)
{
    return (shape_rows(n->out->shape) + NORM_ROWS - 1) / NORM_ROWS;
}

/* Scratch for `weights` gradients of each block and for the bfloat16 buffers of x and y. */
static inline int64_t norm_scratch_size(const Node *n, int weights)
{
    const int64_t width = shape_last(n->out->shape);
    return weights * norm_blocks(n) * width * (int64_t)sizeof(real) +
           op_bf16_buffer_size(n, 2 * width);
}

/* The sums [weights, width] of the block that begins at row `begin`. */
static inline real *norm_sums(const Node *n, int64_t begin, int weights)
{
    return (real *)n->scratch + begin / NORM_ROWS * weights * shape_last(n->out->shape);
}

/* Runs backward on all rows, then stores the sums as gradients of the inputs from 1 on. */
static inline void norm_backward(const Node *n, RangeWork rows, int weights)
{
    const int64_t width = shape_last(n->out->shape);
    threads_range(shape_rows(n->out->shape), NORM_ROWS, rows, n);
    for (int64_t k = 0; k < norm_blocks(n); k++)
        for (int i = 0; i < weights; i++)
            if (n->din[1 + i])
                grad_store(n->din[1 + i], norm_sums(n, k * NORM_ROWS, weights) + i * width, width,
                           n->add[1 + i] || k);
}

#endif

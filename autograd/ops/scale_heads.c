/* scale_heads: y = w x in each head's columns of x, w = q for the first q_heads heads and k for the
 * others. With rope's normalisation before it, the RMSNorm of queries and keys with a weight.
 *
 *     dL/dx = w g,               g = dL/dy
 *     dL/dq, dL/dk = sum g x,    over the rows and their heads */
#include "autograd/kernels/bf16.h"
#include "autograd/ops/norm_rows.h"

static Status shape(Node *n)
{
    const int64_t q_heads = *(const int64_t *)n->attr;
    const Shape x = n->in[0]->shape, q = n->in[1]->shape, k = n->in[2]->shape;
    const int64_t width = q.dim[0];
    if (q.rank != 1 || !shape_equal(q, k) || shape_last(x) % width ||
        q_heads * width > shape_last(x))
        return FAIL(E_SHAPE, "scale_heads of %s with weights %s, %s and %lld heads of queries",
                    shape_text(x), shape_text(q), shape_text(k), (long long)q_heads);
    n->out->shape = x;
    n->scratch_size = norm_scratch_size(n, 1);
    return OK;
}

/* Which input is the weight of a column. */
static int weight_of(const Node *n, int64_t column)
{
    return column < *(const int64_t *)n->attr * shape_last(n->in[1]->shape) ? 1 : 2;
}

VECTOR static void forward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const int64_t all = shape_last(n->out->shape), width = shape_last(n->in[1]->shape);
    real *x_buffer = op_bf16_buffer(n, 2 * all, worker),
         *y_buffer = x_buffer ? x_buffer + all : NULL;
    for (int64_t r = begin; r < end; r++) {
        const real *x = bf16_numbers(n->in[0], r * all, all, x_buffer);
        real *restrict y = bf16_output(n->out, r * all, y_buffer);
        for (int64_t at = 0; at < all; at += width) {
            const real *w = n->in[weight_of(n, at)]->data;
            for (int64_t i = 0; i < width; i++) y[at + i] = w[i] * x[at + i];
        }
        bf16_output_done(n->out, r * all, all, y);
    }
}

/* dx, and this block's sums of g x by column. */
VECTOR static void backward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const int64_t all = shape_last(n->out->shape), width = shape_last(n->in[1]->shape);
    real *restrict sums = norm_sums(n, begin, 1);
    real *x_buffer = op_bf16_buffer(n, 2 * all, worker);
    memset(sums, 0, (size_t)all * sizeof *sums);
    for (int64_t r = begin; r < end; r++) {
        const real *x = bf16_numbers(n->in[0], r * all, all, x_buffer), *g = n->dout + r * all;
        for (int64_t i = 0; i < all; i++) sums[i] += g[i] * x[i];
        if (!n->din[0]) continue;
        real *restrict dx = n->din[0] + r * all;
        for (int64_t at = 0; at < all; at += width) {
            const real *w = n->in[weight_of(n, at)]->data;
            for (int64_t i = at; i < at + width; i++)
                dx[i] = n->add[0] ? dx[i] + w[i - at] * g[i] : w[i - at] * g[i];
        }
    }
}

static void forward(const Node *n)
{
    threads_range(shape_rows(n->out->shape), NORM_ROWS, forward_rows, n);
}

static void backward(const Node *n)
{
    const int64_t all = shape_last(n->out->shape), width = shape_last(n->in[1]->shape);
    bool add[] = {false, n->add[1], n->add[2]};
    threads_range(shape_rows(n->out->shape), NORM_ROWS, backward_rows, n);
    for (int64_t k = 0; k < norm_blocks(n); k++)
        for (int64_t at = 0; at < all; at += width) {
            const int i = weight_of(n, at);
            if (n->din[i])
                grad_store(n->din[i], norm_sums(n, k * NORM_ROWS, 1) + at, width, add[i]);
            add[i] = true;
        }
}

static const OpCase cases[] = {
    {"grouped", {SHAPE_OF(6, 5 * 7), SHAPE_OF(7), SHAPE_OF(7)}, &(int64_t){3}, 0},
    {"more than a block", {SHAPE_OF(67, 2 * 3), SHAPE_OF(3), SHAPE_OF(3)}, &(int64_t){1}, 0},
    {0},
};

const Op op_scale_heads = {
    .name = "scale_heads",
    .inputs = 3,
    .attr_size = sizeof(int64_t),
    .bf16_result = true,
    .needs_inputs = 1 << 0 | 1 << 1 | 1 << 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_scale_heads(Tape *t, Tensor *x, Tensor *q, Tensor *k, int64_t q_heads)
{
    return tape_apply(t, &op_scale_heads, (Tensor *[]){x, q, k}, &q_heads);
}

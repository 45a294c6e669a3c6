/* rmsnorm: y = w xhat, xhat = x s, s = 1 / sqrt(mean x^2 + eps), along each row.
 *
 *     dL/dx = s (h - xhat mean(h xhat)),    h = w g,  g = dL/dy
 *     dL/dw = sum g xhat,                   over the rows
 *
 * Zhang & Sennrich 2019, arXiv:1910.07467. */
#include <math.h>

#include "autograd/kernels/bf16.h"
#include "autograd/ops/norm_rows.h"

static Status shape(Node *n)
{
    Shape x = n->in[0]->shape, w = n->in[1]->shape;
    if (!shape_equal(w, SHAPE(shape_last(x))))
        return FAIL(E_SHAPE, "rmsnorm of %s with weight %s", shape_text(x), shape_text(w));
    n->out->shape = x;
    n->keep_size = shape_rows(x) * (int64_t)sizeof(real); /* s of each row */
    n->scratch_size = norm_scratch_size(n, 1);
    return OK;
}

VECTOR static void forward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const NormAttr *a = n->attr;
    const real *w = n->in[1]->data;
    const int64_t width = shape_last(n->out->shape);
    real *x_buffer = op_bf16_buffer(n, 2 * width, worker),
         *y_buffer = x_buffer ? x_buffer + width : NULL;

    for (int64_t r = begin; r < end; r++) {
        const real *x = bf16_numbers(n->in[0], r * width, width, x_buffer);
        real *restrict y = bf16_output(n->out, r * width, y_buffer);
        bf16_prefetch(n->out, r * width, width); /* while x is read */
        double square = (double)vector_dot(x, x, width) / (double)width;
        real scale = (real)(1 / sqrt(square + a->eps));
        bf16_prefetch(n->in[0], (r + 1) * width, width); /* the next x, while y is written */
        for (int64_t i = 0; i < width; i++) y[i] = w[i] * (x[i] * scale);
        bf16_output_done(n->out, r * width, width, y);
        if (n->record) ((real *)n->keep)[r] = scale;
    }
}

/* dx, and this block's share of dw. */
VECTOR static void backward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const int64_t width = shape_last(n->out->shape);
    const real *w = n->in[1]->data;
    real *restrict dw = norm_sums(n, begin, 1);
    const bool add = n->add[0];
    real *x_buffer = op_bf16_buffer(n, 2 * width, worker);

    memset(dw, 0, (size_t)width * sizeof *dw);
    for (int64_t r = begin; r < end; r++) {
        const real *x = bf16_numbers(n->in[0], r * width, width, x_buffer),
                   *g = n->dout + r * width;
        const real scale = ((const real *)n->keep)[r];
        real mean = 0;

#pragma omp simd reduction(+ : mean)
        for (int64_t i = 0; i < width; i++) {
            real xhat = x[i] * scale;
            mean += w[i] * g[i] * xhat;
            dw[i] += g[i] * xhat;
        }
        if (!n->din[0]) continue;
        mean /= (real)width;
        real *restrict dx = n->din[0] + r * width;
        for (int64_t i = 0; i < width; i++) {
            real d = scale * (w[i] * g[i] - x[i] * scale * mean);
            dx[i] = add ? dx[i] + d : d;
        }
    }
}

static void forward(const Node *n)
{
    threads_range(shape_rows(n->out->shape), NORM_ROWS, forward_rows, n);
}

static void backward(const Node *n)
{
    norm_backward(n, backward_rows, 1);
}

static const OpCase cases[] = {
    {"rank 3", {SHAPE_OF(2, 3, 37), SHAPE_OF(37)}, &(NormAttr){1e-5}, 0},
    {"one row", {SHAPE_OF(16), SHAPE_OF(16)}, &(NormAttr){1e-3}, 0},
    {"one column", {SHAPE_OF(3, 1), SHAPE_OF(1)}, &(NormAttr){0.1}, 0},
    {"more than a block", {SHAPE_OF(67, 3), SHAPE_OF(3)}, &(NormAttr){0.1}, 0},
    {0},
};

const Op op_rmsnorm = {
    .name = "rmsnorm",
    .inputs = 2,
    .attr_size = sizeof(NormAttr),
    .bf16_result = true,
    .needs_inputs = 1 << 0 | 1 << 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_rmsnorm(Tape *t, Tensor *x, Tensor *w, double eps)
{
    return tape_apply(t, &op_rmsnorm, (Tensor *[]){x, w}, &(NormAttr){eps});
}

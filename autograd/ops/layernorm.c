/* layernorm: y = w xhat + b, xhat = (x - mean x) s, s = 1 / sqrt(var x + eps), along each row.
 *
 *     dL/dx = s (h - mean h - xhat mean(h xhat)),    h = w g,  g = dL/dy
 *     dL/dw = sum g xhat,  dL/db = sum g,            over the rows
 *
 * Ba, Kiros & Hinton 2016, arXiv:1607.06450. */
#include <math.h>

#include "autograd/kernels/bf16.h"
#include "autograd/ops/norm_rows.h"

enum { MEAN, SCALE, KEPT }; /* values that forward keeps per row */
enum { WEIGHTS = 2 };       /* w and b */

static Status shape(Node *n)
{
    Shape x = n->in[0]->shape, w = n->in[1]->shape;
    if (!shape_equal(w, SHAPE(shape_last(x))))
        return FAIL(E_SHAPE, "layernorm of %s with weight %s", shape_text(x), shape_text(w));
    if (n->in[2] && !shape_equal(w, n->in[2]->shape))
        return FAIL(E_SHAPE, "layernorm of %s with weight %s and bias %s", shape_text(x),
                    shape_text(w), shape_text(n->in[2]->shape));
    n->out->shape = x;
    n->keep_size = KEPT * shape_rows(x) * (int64_t)sizeof(real);
    n->scratch_size = norm_scratch_size(n, WEIGHTS);
    return OK;
}

/* The sum of (x - mean)^2. */
VECTOR_INLINE real sum_of_squares(const real *x, int64_t count, real mean)
{
    enum { SIDE = 256 / sizeof(real) };
    real sums[SIDE] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + SIDE <= count; i += SIDE)
#pragma omp simd
        for (int j = 0; j < SIDE; j++) sums[j] += (x[i + j] - mean) * (x[i + j] - mean);
#pragma omp simd reduction(+ : sum)
    for (int64_t j = i; j < count; j++) sum += (x[j] - mean) * (x[j] - mean);
    if (i == 0) return sum;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < SIDE; j++) sum += sums[j];
    return sum;
}

VECTOR static void forward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const NormAttr *a = n->attr;
    const real *w = n->in[1]->data, *b = n->in[2] ? n->in[2]->data : NULL;
    const int64_t width = shape_last(n->out->shape);
    real *x_buffer = op_bf16_buffer(n, 2 * width, worker),
         *y_buffer = x_buffer ? x_buffer + width : NULL;

    for (int64_t r = begin; r < end; r++) {
        const real *x = bf16_numbers(n->in[0], r * width, width, x_buffer);
        real *restrict y = bf16_output(n->out, r * width, y_buffer);
        bf16_prefetch(n->out, r * width, width); /* while x is read */
        real mean = vector_sum(x, width) / (real)width, sum = sum_of_squares(x, width, mean);
        real scale = (real)(1 / sqrt((double)sum / (double)width + a->eps));
        bf16_prefetch(n->in[0], (r + 1) * width, width); /* the next x, while y is written */
        if (b)
            for (int64_t i = 0; i < width; i++) y[i] = w[i] * ((x[i] - mean) * scale) + b[i];
        else
            for (int64_t i = 0; i < width; i++) y[i] = w[i] * ((x[i] - mean) * scale);
        bf16_output_done(n->out, r * width, width, y);
        if (n->record) {
            real *keep = (real *)n->keep + r * KEPT;
            keep[MEAN] = mean;
            keep[SCALE] = scale;
        }
    }
}

/* dx, and this block's share of dw and db. */
VECTOR static void backward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const int64_t width = shape_last(n->out->shape);
    const real *w = n->in[1]->data;
    real *restrict dw = norm_sums(n, begin, WEIGHTS), *restrict db = dw + width;
    const bool add = n->add[0];
    real *x_buffer = op_bf16_buffer(n, 2 * width, worker);

    memset(dw, 0, (size_t)(2 * width) * sizeof *dw);
    for (int64_t r = begin; r < end; r++) {
        const real *x = bf16_numbers(n->in[0], r * width, width, x_buffer),
                   *g = n->dout + r * width;
        const real *keep = (const real *)n->keep + r * KEPT;
        const real mean = keep[MEAN], scale = keep[SCALE];
        real h_mean = 0, hx_mean = 0;
        if (n->din[0]) vector_prefetch(n->din[0] + r * width, width);

#pragma omp simd reduction(+ : h_mean, hx_mean)
        for (int64_t i = 0; i < width; i++) {
            real xhat = (x[i] - mean) * scale, h = w[i] * g[i];
            h_mean += h;
            hx_mean += h * xhat;
            dw[i] += g[i] * xhat;
            db[i] += g[i];
        }
        if (!n->din[0]) continue;
        h_mean /= (real)width;
        hx_mean /= (real)width;
        real *restrict dx = n->din[0] + r * width;
        for (int64_t i = 0; i < width; i++) {
            real xhat = (x[i] - mean) * scale;
            real d = scale * (w[i] * g[i] - h_mean - xhat * hx_mean);
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
    norm_backward(n, backward_rows, WEIGHTS);
}

static const OpCase cases[] = {
    {"rank 3", {SHAPE_OF(2, 3, 37), SHAPE_OF(37), SHAPE_OF(37)}, &(NormAttr){1e-5}, 0},
    {"no bias", {SHAPE_OF(5, 18), SHAPE_OF(18)}, &(NormAttr){1e-3}, 4},
    {"one row", {SHAPE_OF(16), SHAPE_OF(16), SHAPE_OF(16)}, &(NormAttr){1e-5}, 0},
    {"one column", {SHAPE_OF(3, 1), SHAPE_OF(1), SHAPE_OF(1)}, &(NormAttr){0.1}, 0},
    {"more than a block", {SHAPE_OF(67, 3), SHAPE_OF(3), SHAPE_OF(3)}, &(NormAttr){0.1}, 0},
    {0},
};

const Op op_layernorm = {
    .name = "layernorm",
    .inputs = 3,
    .optional = 4,
    .attr_size = sizeof(NormAttr),
    .bf16_result = true,
    .needs_inputs = 1 << 0 | 1 << 1,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_layernorm(Tape *t, Tensor *x, Tensor *w, Tensor *b, double eps)
{
    return tape_apply(t, &op_layernorm, (Tensor *[]){x, w, b}, &(NormAttr){eps});
}

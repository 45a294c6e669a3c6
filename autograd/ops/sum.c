/* sum: y = scale sum_i weight_i x_i, one number.
 *
 *     dL/dx_i = scale weight_i g,    g = dL/dy
 *
 * Blocks are summed in double, then the blocks in order: the bits do not depend on the number of
 * threads. */
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { CHUNK = 512, BLOCK = 1 << 14 };

typedef struct Attr {
    const real *weights;
    double scale;
} Attr;

static Status shape(Node *n)
{
    const int64_t count = shape_count(n->in[0]->shape);
    n->out->shape = (Shape){0};
    n->scratch_size = (count + BLOCK - 1) / BLOCK * (int64_t)sizeof(double);
    return OK;
}

static void forward_block(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Attr *a = n->attr;
    double total = 0;
    real buffer[CHUNK];
    (void)worker;
    for (int64_t at = begin; at < end; at += CHUNK) {
        const int64_t count = end - at < CHUNK ? end - at : CHUNK;
        const real *x = bf16_numbers(n->in[0], at, count, buffer);
        for (int64_t i = 0; i < count; i++)
            total += (a->weights ? (double)a->weights[at + i] : 1) * (double)x[i];
    }
    ((double *)n->scratch)[begin / BLOCK] = total;
}

static void backward_block(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Attr *a = n->attr;
    const double g = (double)n->dout[0] * a->scale;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const real d = (real)(a->weights ? g * (double)a->weights[i] : g);
        n->din[0][i] = n->add[0] ? n->din[0][i] + d : d;
    }
}

static void forward(const Node *n)
{
    const Attr *a = n->attr;
    const int64_t count = shape_count(n->in[0]->shape);
    double total = 0;
    threads_range(count, BLOCK, forward_block, n);
    for (int64_t i = 0; i < (count + BLOCK - 1) / BLOCK; i++)
        total += ((const double *)n->scratch)[i];
    n->out->data[0] = (real)(a->scale * total);
}

static void backward(const Node *n)
{
    if (n->din[0]) threads_range(shape_count(n->in[0]->shape), BLOCK, backward_block, n);
}

static const OpCase cases[] = {
    {"rank 3", {SHAPE_OF(2, 3, 37)}, &(Attr){NULL, 0.375}, 0},
    {"weights", {SHAPE_OF(4)}, &(Attr){(const real[]){.5, 0, -2, 1}, 1}, 0},
    {"more than a block", {SHAPE_OF(3, 5500)}, &(Attr){NULL, 1e-3}, 0},
    {"nothing", {SHAPE_OF(0)}, &(Attr){NULL, 1}, 0},
    {0},
};

const Op op_sum = {
    .name = "sum",
    .inputs = 1,
    .attr_size = sizeof(Attr),
    .needs_inputs = 0,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_sum(Tape *t, Tensor *x, const real *weights, double scale)
{
    return tape_apply(t, &op_sum, (Tensor *[]){x}, &(Attr){weights, scale});
}

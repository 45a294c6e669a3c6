/* scale: y = factor x.
 *
 *     dL/dx = factor g,    g = dL/dy */
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { CHUNK = 512 };

static Status shape(Node *n)
{
    n->out->shape = n->in[0]->shape;
    return OK;
}

VECTOR static void forward_part(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const real factor = (real)(*(const double *)n->attr);
    real a[CHUNK], b[CHUNK];
    (void)worker;
    for (int64_t at = begin; at < end; at += CHUNK) {
        const int64_t count = end - at < CHUNK ? end - at : CHUNK;
        const real *x = bf16_numbers(n->in[0], at, count, a);
        real *restrict y = bf16_output(n->out, at, b);
        for (int64_t i = 0; i < count; i++) y[i] = factor * x[i];
        bf16_output_done(n->out, at, count, y);
    }
}

VECTOR static void backward_part(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const real factor = (real)(*(const double *)n->attr), *g = n->dout;
    real *restrict d = n->din[0];
    (void)worker;
    for (int64_t i = begin; i < end; i++) d[i] = n->add[0] ? d[i] + factor * g[i] : factor * g[i];
}

static void forward(const Node *n)
{
    threads_range(shape_count(n->out->shape), op_block(1), forward_part, n);
}

static void backward(const Node *n)
{
    if (n->din[0]) threads_range(shape_count(n->out->shape), op_block(1), backward_part, n);
}

static const OpCase cases[] = {
    {"rank 3", {SHAPE_OF(2, 3, 37)}, &(double){0.375}, 0},
    {"one number", {SHAPE_OF(1)}, &(double){-3}, 0},
    {0},
};

const Op op_scale = {
    .name = "scale",
    .inputs = 1,
    .attr_size = sizeof(double),
    .bf16_result = true,
    .needs_inputs = 0,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_scale(Tape *t, Tensor *x, double factor)
{
    return tape_apply(t, &op_scale, (Tensor *[]){x}, &factor);
}

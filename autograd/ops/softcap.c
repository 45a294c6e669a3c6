/* softcap: y = c tanh(x / c).
 *
 *     dL/dx = g (1 - (y / c)^2),    g = dL/dy */
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/vector.h"
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
    const real cap = (real)(*(const double *)n->attr), part = 1 / cap;
    real a[CHUNK], b[CHUNK];
    (void)worker;
    for (int64_t at = begin; at < end; at += CHUNK) {
        const int64_t count = end - at < CHUNK ? end - at : CHUNK;
        const real *x = bf16_numbers(n->in[0], at, count, a);
        real *restrict y = bf16_output(n->out, at, b);
        for (int64_t i = 0; i < count; i++) y[i] = cap * vtanh(part * x[i]);
        bf16_output_done(n->out, at, count, y);
    }
}

VECTOR static void backward_part(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const real part = (real)(1 / *(const double *)n->attr);
    real a[CHUNK];
    (void)worker;
    for (int64_t at = begin; at < end; at += CHUNK) {
        const int64_t count = end - at < CHUNK ? end - at : CHUNK;
        const real *y = bf16_numbers(n->out, at, count, a), *g = n->dout + at;
        real *restrict d = n->din[0] + at;
        for (int64_t i = 0; i < count; i++) {
            const real share = part * y[i], own = g[i] * (1 - share * share);
            d[i] = n->add[0] ? d[i] + own : own;
        }
    }
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
    {"rank 3", {SHAPE_OF(2, 3, 37)}, &(double){1.5}, 0},
    {"one number", {SHAPE_OF(1)}, &(double){0.5}, 0},
    {0},
};

const Op op_softcap = {
    .name = "softcap",
    .inputs = 1,
    .attr_size = sizeof(double),
    .bf16_result = true,
    .needs_inputs = 1 << OP_RESULT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_softcap(Tape *t, Tensor *x, double cap)
{
    return tape_apply(t, &op_softcap, (Tensor *[]){x}, &cap);
}

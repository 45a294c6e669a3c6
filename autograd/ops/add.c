/* add: z = x + y.
 *
 *     dL/dx = dL/dy = g,    g = dL/dz */
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { CHUNK = 512 };

static Status shape(Node *n)
{
    Shape x = n->in[0]->shape, y = n->in[1]->shape;
    if (!shape_equal(x, y)) return FAIL(E_SHAPE, "%s + %s", shape_text(x), shape_text(y));
    n->out->shape = x;
    return OK;
}

VECTOR static void forward_part(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    real a[CHUNK], b[CHUNK];
    (void)worker;
    for (int64_t at = begin; at < end; at += CHUNK) {
        const int64_t count = end - at < CHUNK ? end - at : CHUNK;
        const real *x = bf16_numbers(n->in[0], at, count, a),
                   *y = bf16_numbers(n->in[1], at, count, b);
        real *restrict z = n->out->data + at;
        for (int64_t i = 0; i < count; i++) z[i] = x[i] + y[i];
    }
}

static void backward_part(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    (void)worker;
    for (int i = 0; i < 2; i++)
        if (n->din[i] && n->din[i] != n->dout)
            grad_store(n->din[i] + begin, n->dout + begin, end - begin, n->add[i]);
}

static void forward(const Node *n)
{
    threads_range(shape_count(n->out->shape), op_block(1), forward_part, n);
}

static void backward(const Node *n)
{
    threads_range(shape_count(n->out->shape), op_block(1), backward_part, n);
}

static const OpCase cases[] = {
    {"rank 3", {SHAPE_OF(2, 3, 37), SHAPE_OF(2, 3, 37)}, NULL, 0},
    {"one number", {SHAPE_OF(1), SHAPE_OF(1)}, NULL, 0},
    {0},
};

const Op op_add = {
    .name = "add",
    .inputs = 2,
    .passthrough = 1,
    .needs_inputs = 0,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_add(Tape *t, Tensor *x, Tensor *y)
{
    return tape_apply(t, &op_add, (Tensor *[]){x, y}, NULL);
}

#include "autograd/op.h"

#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/vector.h"

VECTOR void grad_store(real *x, const real *y, int64_t count, bool add)
{
    if (!add)
        memcpy(x, y, (size_t)count * sizeof *x);
    else
        for (int64_t i = 0; i < count; i++) x[i] += y[i];
}

/* Bytes of a tensor's numbers in the type in which n reads or writes them. */
static int64_t op_size(const Node *n, const Tensor *x)
{
    const bool is_bf16 = x->bf16 && (!x->data || (n->bf16_products && x->shape.rank == 2));
    return shape_count(x->shape) * (int64_t)(is_bf16 ? sizeof *x->bf16 : sizeof *x->data);
}

OpWork op_work(const Node *n, bool backward)
{
    OpWork w = {0};
    int64_t size = backward ? shape_count(n->out->shape) * (int64_t)sizeof(real) : 0; /* dout */
    if (!backward || n->op->needs_inputs >> OP_RESULT & 1) size += op_size(n, n->out);
    for (int i = 0; i < n->op->inputs; i++) {
        if (!n->in[i]) continue;
        const int64_t one = shape_count(n->in[i]->shape) * (int64_t)sizeof(real);
        if (!backward || n->op->needs_inputs >> i & 1) size += op_size(n, n->in[i]);
        if (backward && n->din[i] && n->din[i] != n->dout) size += n->add[i] ? 2 * one : one;
    }
    w.bytes = (double)size;
    if (n->op->work) n->op->work(n, backward, &w);
    return w;
}

int64_t op_bf16_buffer_size(const Node *n, int64_t count)
{
    return n->bf16_products ? threads_team() * count * (int64_t)sizeof(real) : 0;
}

real *op_bf16_buffer(const Node *n, int64_t count, int worker)
{
    const int64_t size = (worker + 1) * count * (int64_t)sizeof(real);
    return n->bf16_products ? (real *)((char *)n->scratch + n->scratch_size - size) : NULL;
}

int64_t op_block(int64_t width)
{
    enum { NUMBERS = 1 << 14 };
    return width < NUMBERS ? NUMBERS / (width ? width : 1) : 1;
}

#include "autograd/op.h"

#include <string.h>

#include "autograd/kernels/vector.h"

VECTOR void grad_store(real *x, const real *y, int64_t count, bool add)
{
    if (!add)
        memcpy(x, y, (size_t)count * sizeof *x);
    else
        for (int64_t i = 0; i < count; i++) x[i] += y[i];
}

OpWork op_work(const Node *n, bool backward)
{
    OpWork w = {0};
    int64_t count = shape_count(n->out->shape);
    if (backward && !(n->op->unread >> OP_RESULT & 1)) count *= 2; /* and dout */
    for (int i = 0; i < n->op->inputs; i++) {
        if (!n->in[i]) continue;
        const int64_t one = shape_count(n->in[i]->shape);
        if (!backward || !(n->op->unread >> i & 1)) count += one;
        if (backward && n->din[i] && n->din[i] != n->dout) count += n->add[i] ? 2 * one : one;
    }
    w.bytes = (double)count * sizeof(real);
    if (n->op->work) n->op->work(n, backward, &w);
    return w;
}

int64_t op_block(int64_t width)
{
    enum { NUMBERS = 1 << 14 };
    return width < NUMBERS ? NUMBERS / (width ? width : 1) : 1;
}

#include "autograd/tape_check.h"

#include <math.h>
#include <string.h>

#include "autograd/kernels/bf16.h"

/* Looks for a number that is not finite in data, the values or gradient of x; NULL: in x->bf16. */
static void check(Tape *t, const Node *n, const Tensor *x, bool in_backward, const real *data)
{
    const int64_t count = shape_count(x->shape);
    int64_t i = 0;
    if (!t->check || t->finding.found) return;
    while (i < count && isfinite(data ? data[i] : bf16_real(x->bf16[i]))) i++;
    if (i < count)
        t->finding =
            (TapeFinding){true, in_backward, n->op->name, n->scope, x->name, x->offset + i};
}

static void check_gradients(Tape *t, const Node *n)
{
    for (int i = 0; i < n->op->inputs; i++)
        if (n->din[i]) check(t, n, n->in[i], true, n->din[i]);
}

static bool is_poisoned(const Tape *t, const Node *n, bool in_backward)
{
    const TapePoison *p = t->poison;
    return p && p->in_backward == in_backward && (!p->op || !strcmp(p->op, n->op->name)) &&
           (!p->scope || !strcmp(p->scope, n->scope));
}

static void poison(Tape *t, const Tensor *x, real *data)
{
    const int64_t middle = shape_count(x->shape) / 2;
    if (data)
        data[middle] = (real)NAN;
    else
        x->bf16[middle] = bf16_of((real)NAN);
    t->poison = NULL;
}

static void poison_gradients(Tape *t, const Node *n)
{
    for (int i = 0; i < n->op->inputs && is_poisoned(t, n, true); i++)
        if (n->din[i] && (!t->poison->input || t->poison->input == i + 1))
            poison(t, n->in[i], n->din[i]);
}

void tape_check_parameters(Tape *t, const Node *n)
{
    for (int i = 0; i < n->op->inputs; i++)
        if (n->in[i] && n->in[i]->name) check(t, n, n->in[i], false, n->in[i]->data);
}

void tape_check_forward(Tape *t, const Node *n)
{
    if (is_poisoned(t, n, false)) poison(t, n->out, n->out->data);
    poison_gradients(t, n);
    check(t, n, n->out, false, n->out->data);
    check_gradients(t, n);
}

void tape_check_backward(Tape *t, const Node *n)
{
    poison_gradients(t, n);
    check_gradients(t, n);
}

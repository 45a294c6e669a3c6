#include "autograd/tape_plan.h"

#include <string.h>

typedef struct Span {
    int64_t begin, end; /* numbers, from the start of the region */
} Span;

typedef struct Plan {
    Span *live; /* gradients in use: sorted, disjoint */
    int count;
    int64_t size; /* of the region so far */
} Plan;

/* First fit. Returns the offset of a gap for count numbers. */
static int64_t allocate(Plan *p, int64_t count)
{
    count = (count + 15) / 16 * 16; /* keeps every gradient 64-byte aligned */
    int64_t begin = 0;
    int i = 0;
    for (; i < p->count && p->live[i].begin - begin < count; i++) begin = p->live[i].end;
    memmove(p->live + i + 1, p->live + i, (size_t)(p->count - i) * sizeof *p->live);
    p->live[i] = (Span){begin, begin + count};
    p->count++;
    if (begin + count > p->size) p->size = begin + count;
    return begin;
}

static void release(Plan *p, int64_t begin)
{
    int i = 0;
    while (i < p->count && p->live[i].begin != begin) i++;
    INVARIANT(i < p->count);
    p->count--;
    memmove(p->live + i, p->live + i + 1, (size_t)(p->count - i) * sizeof *p->live);
}

/* Whether input i shares the gradient of n's result: the op allows it, and no other node or input
 * has written or writes it. */
static bool passes_through(const Node *n, int i)
{
    const Tensor *x = n->in[i];
    if (n->op->passthrough != i + 1 || x->has_grad) return false;
    for (int j = 0; j < n->op->inputs; j++)
        if (j != i && n->in[j] == x) return false;
    return true;
}

/* Allocates the gradients that backward of n writes, then releases the gradient of its result. */
static void plan_node(Plan *p, Node *n)
{
    bool is_shared = false;
    for (int i = 0; i < n->op->inputs; i++) {
        Tensor *x = n->in[i];
        if (!x || !x->from || n->op->grad_in_forward >> i & 1) continue;
        n->add[i] = x->has_grad;
        if (!x->has_grad)
            x->offset = passes_through(n, i) ? n->out->offset : allocate(p, shape_count(x->shape));
        is_shared |= x->offset == n->out->offset;
        x->has_grad = true;
    }
    if (!is_shared) release(p, n->out->offset);
}

Status tape_plan(Tape *t, Tensor *loss, int64_t *size)
{
    int64_t nodes = 0;
    for (Node *n = t->last; n; n = n->before) {
        n->out->has_grad = false;
        nodes++;
    }
    Plan p = {.live = tape_take(t, (nodes + 2) * (int64_t)sizeof(Span))};
    if (t->status) return t->status;

    loss->offset = allocate(&p, 1);
    loss->has_grad = true;
    for (Node *n = t->last; n; n = n->before) {
        n->in_backward = n->out->has_grad;
        if (n->in_backward) plan_node(&p, n);
    }
    *size = p.size;
    return OK;
}

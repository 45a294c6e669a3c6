/* log_prob: the log-probability of each row's target t under the output layer, logits l = w x, p =
 * softmax(l):
 *
 *     y = l_t - log sum_j exp l_j,    dL/dl_j = g ([j = t] - p_j),    g = dL/dy
 *
 * y is the negative cross-entropy of the row, without z-loss and smoothing. The factor g of a row
 * is known only in backward, which therefore recomputes the logits, in chunks (logits.h). */
#include "autograd/ops/logits.h"

enum { X, W };

typedef struct Attr {
    const int32_t *targets;
} Attr;

static Status shape(Node *n)
{
    const Attr *a = n->attr;
    TRY(logits_prepare(n, a->targets, false));
    n->out->shape = SHAPE(n->in[X]->shape.dim[0]);
    return OK;
}

static void forward(const Node *n)
{
    const Attr *a = n->attr;
    real *y = n->out->data;
    const CrossEntropy c = {.targets = a->targets, .scale = 1, .row_loss = y};
    logits_run(n, &(LogitsPass){.loss = &c});
    for (int64_t i = 0; i < n->out->shape.dim[0]; i++) y[i] = 0 - y[i];
}

static void backward(const Node *n)
{
    const Attr *a = n->attr;
    const CrossEntropy c = {.targets = a->targets, .weights = n->dout, .scale = -1};
    logits_run(n, &(LogitsPass){.loss = &c,
                                .seed = 1,
                                .dx = n->din[X],
                                .add_dx = n->add[X],
                                .dw = n->din[W],
                                .add_dw = n->add[W]});
}

static void count_work(const Node *n, bool in_backward, OpWork *w)
{
    const Attr *a = n->attr;
    logits_work(n, a->targets, in_backward ? 1 + !!n->din[X] + !!n->din[W] : 1, w);
}

#define TARGETS(...)                 \
    &(Attr)                          \
    {                                \
        .targets = (const int32_t[]) \
        {                            \
            __VA_ARGS__              \
        }                            \
    }
static const OpCase cases[] = {
    {"plain", {SHAPE_OF(3, 4), SHAPE_OF(5, 4)}, .attr = TARGETS(4, 0, 2)},
    {"rows without target, in between",
     {SHAPE_OF(5, 2), SHAPE_OF(3, 2)},
     .attr = TARGETS(-1, 2, -1, 0, -1)},
    {"rows without target, around",
     {SHAPE_OF(4, 2), SHAPE_OF(3, 2)},
     .attr = TARGETS(-1, 2, 1, -1)},
    {"no target at all", {SHAPE_OF(2, 2), SHAPE_OF(3, 2)}, .attr = TARGETS(-1, -1)},
    {"one row", {SHAPE_OF(1, 3), SHAPE_OF(4, 3)}, .attr = TARGETS(3)},
    {0},
};

const Op op_log_prob = {
    .name = "log_prob",
    .inputs = 2,
    .attr_size = sizeof(Attr),
    .needs_inputs = 1 << X | 1 << W,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .work = count_work,
    .cases = cases,
};

Tensor *ag_log_prob(Tape *t, Tensor *x, Tensor *w, const int32_t *targets)
{
    return tape_apply(t, &op_log_prob, (Tensor *[]){x, w}, &(Attr){targets});
}

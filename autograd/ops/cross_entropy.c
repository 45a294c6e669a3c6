/* cross_entropy: the output layer and its loss. For each row with target t, logits l = w x, log Z =
 * log sum_j exp l_j, p = softmax(l):
 *
 *     (1 - s) (log Z - l_t) + s (log Z - mean of l) + z (log Z)^2,
 *     dL/dl_j = (1 + 2 z log Z) p_j - (1 - s) [j = t] - s / V
 *
 * with smoothing s and z-loss factor z, times weight and scale. With softcap c, l = c tanh(w x / c),
 * and the gradient of w x is that of l times 1 - (l / c)^2.
 *
 * The logits are never all in memory (logits.h), and backward would have to recompute them. So
 * forward computes the gradients at once, while the logits of a chunk are in memory: it keeps that
 * of x and writes that of w to its block. Both assume that backward will find the tape's seed as
 * dL/dresult, which holds if the loss is this result or a sum that contains it. If backward finds
 * another factor, a second pass adds the difference. */
#include "autograd/ops/logits.h"

enum { X, W };

static Status shape(Node *n)
{
    const CrossEntropy *c = n->attr;
    TRY(logits_prepare(n, c->targets, c->softcap > 0));
    n->out->shape = (Shape){0};
    if (n->in[X]->wants_grad) n->keep_size = shape_count(n->in[X]->shape) * (int64_t)sizeof(real);
    return OK;
}

static void forward(const Node *n)
{
    n->out->data[0] =
        (real)logits_run(n, &(LogitsPass){.loss = n->attr,
                                          .seed = n->seed,
                                          .dx = n->record && n->in[X]->wants_grad ? n->keep : NULL,
                                          .dw = n->din[W],
                                          .add_dw = n->add[W]});
}

static bool is_rescaled(const Node *n)
{
    return n->dout[0] != n->seed; /* true of a NaN */
}

/* Adds the gradients for dout - seed to those for the seed. */
static void rescale(const Node *n)
{
    CrossEntropy c = *(const CrossEntropy *)n->attr;
    c.row_loss = c.row_logz = NULL;
    logits_run(n, &(LogitsPass){.loss = &c,
                                .seed = (double)n->dout[0] - (double)n->seed,
                                .dx = n->din[X] ? n->keep : NULL,
                                .add_dx = true,
                                .dw = n->din[W],
                                .add_dw = true});
}

static void backward(const Node *n)
{
    if (is_rescaled(n)) rescale(n);
    if (n->din[X]) grad_store(n->din[X], n->keep, shape_count(n->in[X]->shape), n->add[X]);
}

static void count_work(const Node *n, bool in_backward, OpWork *w)
{
    const CrossEntropy *c = n->attr;
    const int products = 1 + (n->record && n->in[X]->wants_grad) + (n->record && n->din[W]);
    if (in_backward)
        w->bytes = (n->din[X] ? n->add[X] ? 3 : 2 : 0) * (double)shape_count(n->in[X]->shape) *
                   sizeof(real);
    if (!in_backward || is_rescaled(n)) logits_work(n, c->targets, products, w);
}

#define TARGETS(...)             \
    .targets = (const int32_t[]) \
    {                            \
        __VA_ARGS__              \
    }
static const OpCase cases[] = {
    {"plain",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(4, 0, 2), .scale = 1}},
    {"scale, weights",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(4, 0, 4), .weights = (const real[]){.5, 2, 0}, .scale = .3}},
    {"z-loss",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(1, 1, 3), .scale = .5, .z_loss = .1}},
    {"smoothing",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(1, 0, 3), .scale = .5, .smoothing = .2}},
    {"soft cap, z-loss, smoothing",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(1, -1, 3), .scale = .5, .z_loss = .1, .smoothing = .2,
                             .softcap = .7}},
    {"rows without target, in between",
     {SHAPE_OF(5, 2), SHAPE_OF(3, 2)},
     .attr = &(CrossEntropy){TARGETS(-1, 2, -1, 0, -1), .scale = 1, .z_loss = .1, .smoothing = .1}},
    {"rows without target, around",
     {SHAPE_OF(4, 2), SHAPE_OF(3, 2)},
     .attr = &(CrossEntropy){TARGETS(-1, 2, 1, -1), .scale = 1}},
    {"no target at all",
     {SHAPE_OF(2, 2), SHAPE_OF(3, 2)},
     .attr = &(CrossEntropy){TARGETS(-1, -1), .scale = 1}},
    {0},
};

const Op op_cross_entropy = {
    .name = "cross_entropy",
    .inputs = 2,
    .attr_size = sizeof(CrossEntropy),
    .grad_in_forward = 1 << W,
    .needs_inputs = 1 << X | 1 << W,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .work = count_work,
    .cases = cases,
};

Tensor *ag_cross_entropy(Tape *t, Tensor *x, Tensor *w, const CrossEntropy *c)
{
    return tape_apply(t, &op_cross_entropy, (Tensor *[]){x, w}, c);
}

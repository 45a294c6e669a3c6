/* How a tape works.
 *
 * Recording. tape_apply() computes at once: the op's shape rule gives the size of the result and of
 * the memory that the op needs, forward fills the result, and, if an input wants a gradient, the
 * node joins a list, newest first. Every node is newer than the nodes that made its inputs, so the
 * list is already in the order of backward:
 *
 *     x = ag_embedding(t, table, NULL, tokens, NULL, 6);     [6, 5]
 *     y = ag_layernorm(t, x, w, b, 1e-5);                    [6, 5]
 *     z = ag_activation(t, y, ACTIVATION_gelu);              [6, 5]
 *     loss = ag_cross_entropy(t, z, head, &targets);         []
 *
 *     t->last: cross_entropy -> activation -> layernorm -> embedding -> NULL        (Node.before)
 *
 * Memory. Results, and values that nodes keep for backward, stay in the arena until tape_reset().
 * All nodes share one scratch buffer, as large as the largest request. Gradients of parameters go
 * to the block of tape_record(). Gradients of results share one region, which tape_plan.c lays out
 * before backward computes anything. In the example, 30 numbers are rounded up to 32 and the single
 * number of the loss to 16:
 *
 *     backward of      reads            writes                          then free
 *     cross_entropy    loss at 0        z at 16                         loss
 *     activation       z at 16          y at 48 (0 to 16 is too short)  z
 *     layernorm        y at 48          x at 0; w, b in the block       y
 *     embedding        x at 0           table in the block              x
 *
 * The region takes 80 numbers, not 112. (cross_entropy is special: it writes the gradient of head
 * in forward, Op.grad_in_forward.)
 *
 * Backward. run_backward() walks the same way. A tensor that several nodes used gets the sum of
 * their gradients: the first node that backward reaches writes, the others add (Node.add). The same
 * holds for a parameter, whose first write Tape.written marks.
 *
 * Segments. Between tape_segment_begin() and tape_segment_end() results and kept values go to a
 * second arena, which the next segment overwrites; only the result of the segment is copied to the
 * first one. When backward reaches a segment, it runs forward again for the nodes that backward
 * needs (mark_recompute()), into the same arena. So memory holds one segment, and one result per
 * segment, at the cost of a second forward. */
#include "autograd/tape.h"

#include <string.h>

#include "autograd/tape_check.h"
#include "autograd/tape_plan.h"

static void *take(Tape *t, Arena *a, int64_t size)
{
    void *memory = t->status ? NULL : arena_take(a, size);
    if (!memory && !t->status) t->status = FAIL(E_NOMEM, "%lld bytes", (long long)size);
    return memory;
}

void *tape_take(Tape *t, int64_t size)
{
    return take(t, &t->arena, size);
}

Tensor *tape_fault(Tape *t, Status status)
{
    if (!t->status) t->status = status;
    return NULL;
}

void tape_scope(Tape *t, const char *scope)
{
    t->scope = scope;
}

/* A tensor without memory for its numbers. */
static Tensor *tensor_new(Tape *t)
{
    Tensor *x = tape_take(t, sizeof *x);
    if (x) *x = (Tensor){.index = -1};
    return x;
}

/* Memory for numbers, in the arena of the open segment if is_inner. A dry tape only counts the
 * bytes and returns a pointer that must not be dereferenced. */
static void *take_numbers(Tape *t, int64_t size, bool is_inner)
{
    if (t->dry) {
        *(is_inner ? &t->dry_segment : &t->dry_size) += (size + 63) / 64 * 64;
        return t->status ? NULL : t;
    }
    return take(t, is_inner ? &t->inner : &t->arena, size);
}

static real *take_reals(Tape *t, int64_t count)
{
    return take_numbers(t, count * (int64_t)sizeof(real), false);
}

Tensor *tape_tensor(Tape *t, Shape shape)
{
    Tensor *x = tensor_new(t);
    if (!x) return NULL;
    x->shape = shape;
    x->data = take_reals(t, shape_count(shape));
    return x->data ? x : NULL;
}

Tensor *tape_wrap(Tape *t, Shape shape, real *data)
{
    Tensor *x = tensor_new(t);
    if (!x) return NULL;
    x->shape = shape;
    x->data = data;
    return x;
}

static Status ensure_scratch(Tape *t, int64_t size)
{
    if (size <= t->scratch_size) return OK;
    if (t->dry) {
        t->dry_size += size - t->scratch_size;
        t->scratch_size = size;
        return OK;
    }
    arena_free(&t->workspace);
    t->scratch_size = 0;
    t->scratch = arena_take(&t->workspace, size);
    if (!t->scratch) return FAIL(E_NOMEM, "%lld bytes of scratch", (long long)size);
    t->scratch_size = size;
    return OK;
}

/* The gradient of parameter x, for a node that is about to write it. *add: it already holds a
 * sum. */
static real *parameter_gradient(Tape *t, const Tensor *x, bool *add)
{
    *add = t->written[x->index];
    t->written[x->index] = true;
    return t->grads + x->offset;
}

static void compute(const Tape *t, const Node *n, ProfilePass pass)
{
    const double begin = t->profile ? profile_clock() : 0;
    if (pass == PASS_BACKWARD)
        n->op->backward(n);
    else
        n->op->forward(n);
    if (t->profile) profile_node(t->profile, n, pass, begin);
}

/* Memory for the numbers of x. */
static void take_result(Tape *t, Tensor *x, bool is_bf16, bool is_inner)
{
    const int64_t size = is_bf16 ? (int64_t)sizeof *x->bf16 : (int64_t)sizeof *x->data;
    void *numbers = take_numbers(t, shape_count(x->shape) * size, is_inner);
    x->data = is_bf16 ? NULL : numbers;
    x->bf16 = is_bf16 ? numbers : NULL;
}

/* Memory for the result of n and for what it keeps. */
static bool take_results(Tape *t, Node *n)
{
    const bool is_inner = n->segment > 0;
    if (!n->is_segment_result) take_result(t, n->out, n->bf16_result, is_inner);
    if (n->record) n->keep = take_numbers(t, n->keep_size, is_inner);
    return t->status == OK;
}

/* Whether the numbers of x are still in memory: of a segment that has ended, only those of its
 * result are. */
static bool in_memory(const Tape *t, const Tensor *x)
{
    const Node *from = x->from;
    return !from || !from->segment || from->segment == t->segment || from->is_segment_result;
}

static Status set_inputs(const Tape *t, Node *n, Tensor *const in[])
{
    const Op *op = n->op;
    for (int i = 0; i < op->inputs; i++) {
        n->in[i] = in[i];
        if (!in[i] && !(op->optional >> i & 1))
            return FAIL(E_ARG, "%s: input %d is NULL", op->name, i);
        if (!in[i]) continue;
        if (!in_memory(t, in[i]))
            return FAIL(E_ARG, "%s: input %d belongs to a segment that has ended", op->name, i);
        n->record |= in[i]->wants_grad && t->record;
    }
    return OK;
}

/* Whether forward of n writes the gradient of input i: see Op.grad_in_forward. */
static bool is_in_forward(const Node *n, int i)
{
    return n->record && n->op->grad_in_forward >> i & 1 && n->in[i] && n->in[i]->wants_grad;
}

/* Recomputing a segment would write the gradient twice. And the input must be a parameter: the
 * gradient of a result has no memory before backward. */
static Status check_forward_gradients(const Tape *t, const Node *n)
{
    if (n->record && n->op->grad_in_forward && t->segment)
        return FAIL(E_ARG, "%s cannot be inside a segment", n->op->name);
    for (int i = 0; i < n->op->inputs; i++)
        if (is_in_forward(n, i) && !n->in[i]->name)
            return FAIL(E_ARG, "%s: input %d is not a parameter", n->op->name, i);
    return OK;
}

static void run_forward(Tape *t, Node *n)
{
    n->scratch = t->scratch;
    for (int i = 0; i < n->op->inputs; i++)
        if (is_in_forward(n, i)) n->din[i] = parameter_gradient(t, n->in[i], &n->add[i]);
    tape_check_parameters(t, n);
    compute(t, n, PASS_FORWARD);
    tape_check_forward(t, n);
}

/* Sets the inputs of n, allocates its memory and describes its result. */
static Status prepare(Tape *t, Node *n, Tensor *const in[])
{
    TRY(set_inputs(t, n, in));
    TRY(check_forward_gradients(t, n));
    TRY(n->op->shape(n));
    if (!n->out->shape.rank) n->bf16_result = false; /* a loss */
    TRY(ensure_scratch(t, n->scratch_size));
    if (n->record) n->segment = t->segment;
    if (!take_results(t, n)) return t->status;
    n->out->wants_grad = n->record;
    n->out->from = n->record ? n : NULL;
    return OK;
}

Tensor *tape_apply(Tape *t, const Op *op, Tensor *const in[], const void *attr)
{
    Node *n = tape_take(t, sizeof *n);
    Tensor *out = tensor_new(t);
    void *copy = tape_take(t, op->attr_size);
    if (t->status) return NULL;

    *n = (Node){.op = op, .out = out, .scope = t->scope, .seed = t->seed, .before = t->last};
    n->bf16_products = t->bf16 != BF16_NONE;
    n->bf16_result = op->bf16_result && t->bf16 == BF16_RESULTS;
    if (op->attr_size) n->attr = memcpy(copy, attr, (size_t)op->attr_size);

    const Status status = prepare(t, n, in);
    if (status != OK) return tape_fault(t, status);
    if (n->record) t->last = n;
    if (!t->dry) run_forward(t, n);
    return out;
}

void tape_segment_begin(Tape *t)
{
    if (t->status || !t->record) return;
    if (t->segment) {
        tape_fault(t, FAIL(E_ARG, "a segment inside a segment"));
        return;
    }
    t->segment = ++t->segments;
    t->dry_segment = 0;
    arena_reset(&t->inner);
}

/* Marks the nodes of the open segment that backward must recompute: those that keep something, and
 * those whose result is read by the backward of some node or by the forward of a recomputed one. A
 * node's users come before it in the list, so one walk from the last node is enough. */
static void mark_recompute(const Tape *t)
{
    for (Node *n = t->last, *next = NULL; n && n->segment == t->segment; n = n->before) {
        n->recompute |=
            n->keep_size > 0 || (!n->is_segment_result && n->op->needs_inputs >> OP_RESULT & 1);
        n->recompute_next = next;
        next = n;
        for (int i = 0; i < n->op->inputs; i++) {
            Node *from = n->in[i] ? n->in[i]->from : NULL;
            if (from && from->segment == t->segment && !from->is_segment_result)
                from->recompute |= n->recompute || n->op->needs_inputs >> i & 1;
        }
    }
}

/* Copies the numbers of y, the result of the open segment, to the arena that outlives it. */
static void keep_result(Tape *t, Tensor *y)
{
    const Tensor inner = *y;
    const int64_t count = shape_count(y->shape);
    take_result(t, y, y->bf16, false);
    if (t->status) return;
    if (!t->dry && y->bf16)
        memcpy(y->bf16, inner.bf16, (size_t)count * sizeof *y->bf16);
    else if (!t->dry)
        memcpy(y->data, inner.data, (size_t)count * sizeof *y->data);
    y->from->is_segment_result = true;
}

Tensor *tape_segment_end(Tape *t, Tensor *y)
{
    if (t->status) return NULL;
    if (!t->segment) return y;
    if (t->dry_segment > t->dry_inner_size) {
        t->dry_size += t->dry_segment - t->dry_inner_size;
        t->dry_inner_size = t->dry_segment;
    }
    if (y && y->from && y->from->segment == t->segment) keep_result(t, y);
    if (t->status) return NULL;
    mark_recompute(t);
    t->segment = 0;
    return y;
}

/* Runs forward again in the segment of n, its last node. */
static void recompute_segment(Tape *t, Node *n)
{
    const int64_t segment = t->segment = n->segment;
    arena_reset(&t->inner);
    while (n->before && n->before->segment == segment) n = n->before;
    for (; n; n = n->recompute_next) {
        if (!n->recompute) continue;
        if (!take_results(t, n)) return;
        n->scratch = t->scratch;
        compute(t, n, PASS_RECOMPUTE);
    }
}

/* Backward of n: gradients of results are in the region, as planned; those of parameters in their
 * block. */
static void run_node(Tape *t, Node *n, real *region)
{
    n->dout = region + n->out->offset;
    n->scratch = t->scratch;
    for (int i = 0; i < n->op->inputs; i++) {
        const Tensor *x = n->in[i];
        n->din[i] = NULL;
        if (!x || !x->wants_grad) continue;
        n->din[i] = x->name ? parameter_gradient(t, x, &n->add[i]) : region + x->offset;
    }
    compute(t, n, PASS_BACKWARD);
    tape_check_backward(t, n);
}

static Status run_backward(Tape *t, const Tensor *loss, real *region)
{
    region[loss->offset] = t->seed;
    for (Node *n = t->last; n; n = n->before) {
        if (!n->in_backward) continue;
        if (n->segment && n->segment != t->segment) recompute_segment(t, n);
        if (t->status) break;
        run_node(t, n, region);
    }
    t->segment = 0;
    return t->status;
}

/* Forward of a node with Op.grad_in_forward has written a gradient already, so the loss must depend
 * on it. */
static Status check_loss_uses_all(const Tape *t)
{
    for (const Node *n = t->last; n; n = n->before)
        if (n->op->grad_in_forward && !n->in_backward)
            return FAIL(E_ARG, "the loss does not depend on the result of a recorded %s",
                        n->op->name);
    return OK;
}

Status tape_backward(Tape *t, Tensor *loss)
{
    if (t->status) return t->status;
    if (t->is_done) return FAIL(E_ARG, "tape_backward() was already called");
    if (t->segment) return FAIL(E_ARG, "tape_segment_end() was not called");
    if (!loss || !loss->from) return FAIL(E_ARG, "the loss does not depend on a parameter");
    if (loss->shape.rank) return FAIL(E_SHAPE, "loss %s: not a scalar", shape_text(loss->shape));

    int64_t size;
    TRY(tape_plan(t, loss, &size));
    TRY(check_loss_uses_all(t));
    t->is_done = true;
    real *region = take_reals(t, size);
    return t->status || t->dry ? t->status : run_backward(t, loss, region);
}

void tape_reset(Tape *t)
{
    arena_reset(&t->arena);
    t->segment = t->segments = t->dry_inner_size = 0;
    t->last = NULL;
    t->status = OK;
    t->scope = "";
    t->record = t->is_done = false;
    t->bf16 = BF16_NONE;
    t->seed = 1;
    t->finding = (TapeFinding){0};
    t->poison = NULL;
}

void tape_record(Tape *t, real *grads, bool *written)
{
    t->record = true;
    t->grads = grads;
    t->written = written;
}

void tape_free(Tape *t)
{
    arena_free(&t->arena);
    arena_free(&t->workspace);
    arena_free(&t->inner);
    *t = (Tape){0};
}

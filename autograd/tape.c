#include "autograd/tape.h"

#include <math.h>
#include <string.h>

#include "autograd/kernels/bf16.h"

static void *take(Tape *t, Arena *a, int64_t size)
{
    void *piece = t->status ? NULL : arena_take(a, size);
    if (!piece && !t->status) t->status = FAIL(E_NOMEM, "%lld bytes", (long long)size);
    return piece;
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

/* All of a tensor but its numbers. */
static Tensor *tensor_new(Tape *t)
{
    Tensor *x = tape_take(t, sizeof *x);
    if (x) *x = (Tensor){.index = -1};
    return x;
}

/* Memory for numbers, inner ones of the open segment or not; on a dry tape a place that nobody may look
 * at. */
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

/* Remembers the first place where the numbers of x, or of its gradient, at data, are not all finite. data
 * NULL: the bfloat16 ones of x. */
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

/* The gradients that n has just computed. */
static void poison_gradients(Tape *t, const Node *n)
{
    for (int i = 0; i < n->op->inputs && is_poisoned(t, n, true); i++)
        if (n->din[i] && (!t->poison->input || t->poison->input == i + 1))
            poison(t, n->in[i], n->din[i]);
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

/* The gradient of a parameter, and whether it holds a sum already: after this it does. */
static real *claim(Tape *t, const Tensor *x, bool *add)
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

/* Memory for what n computes. */
static bool take_results(Tape *t, Node *n)
{
    const bool is_inner = n->segment > 0;
    if (!n->is_segment_result) take_result(t, n->out, n->bf16_result, is_inner);
    if (n->record) n->keep = take_numbers(t, n->keep_size, is_inner);
    return t->status == OK;
}

/* Whether x may be an input now. */
static bool is_there(const Tape *t, const Tensor *x)
{
    const Node *from = x->from;
    return !from || !from->segment || from->segment == t->segment || from->is_segment_result;
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
    for (int i = 0; i < op->inputs; i++) {
        if (!in[i] && !(op->optional >> i & 1))
            return tape_fault(t, FAIL(E_ARG, "%s: input %d is NULL", op->name, i));
        n->in[i] = in[i];
        if (in[i] && in[i]->wants_grad && t->record) n->record = true;
        if (in[i] && !is_there(t, in[i]))
            return tape_fault(t, FAIL(E_ARG, "%s: input %d is of a segment that has ended",
                                      op->name, i));
        if (n->record && op->grad_in_forward >> i & 1 && t->segment)
            return tape_fault(t, FAIL(E_ARG, "%s: cannot be in a segment", op->name));
        if (n->record && op->grad_in_forward >> i & 1 && in[i]->wants_grad && !in[i]->name)
            return tape_fault(t, FAIL(E_ARG, "%s: input %d is no parameter", op->name, i));
    }
    if (op->attr_size) n->attr = memcpy(copy, attr, (size_t)op->attr_size);

    Status status = op->shape(n);
    if (status == OK) status = ensure_scratch(t, n->scratch_size);
    if (status != OK) return tape_fault(t, status);
    if (n->record) n->segment = t->segment;
    if (!take_results(t, n)) return NULL;

    out->wants_grad = n->record;
    out->from = n->record ? n : NULL;
    if (n->record) t->last = n;
    if (t->dry) return out;
    n->scratch = t->scratch;
    for (int i = 0; i < op->inputs; i++)
        if (n->record && op->grad_in_forward >> i & 1 && in[i]->wants_grad)
            n->din[i] = claim(t, in[i], &n->add[i]);
    for (int i = 0; i < op->inputs; i++)
        if (in[i] && in[i]->name) check(t, n, in[i], false, in[i]->data);
    compute(t, n, PASS_FORWARD);
    if (is_poisoned(t, n, false)) poison(t, out, out->data);
    poison_gradients(t, n);
    check(t, n, out, false, out->data);
    for (int i = 0; i < op->inputs; i++)
        if (n->din[i]) check(t, n, in[i], true, n->din[i]);
    return out;
}

/* The plan of backward: which bytes hold which gradient, and until when. */
typedef struct Span {
    int64_t begin, end; /* numbers, from the start of the region */
} Span;

typedef struct Plan {
    Span *live; /* sorted, disjoint */
    int count;
    int64_t size; /* of the region */
} Plan;

/* First fit. Returns where count numbers may lie. */
static int64_t plan_take(Plan *p, int64_t count)
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

static void plan_drop(Plan *p, int64_t begin)
{
    int i = 0;
    while (i < p->count && p->live[i].begin != begin) i++;
    INVARIANT(i < p->count);
    p->count--;
    memmove(p->live + i, p->live + i + 1, (size_t)(p->count - i) * sizeof *p->live);
}

static bool is_inner(const Tensor *x)
{
    return x && x->wants_grad && !x->name;
}

/* Whether n's input i takes over the gradient of n's result. */
static bool passes_through(const Node *n, int i)
{
    const Tensor *x = n->in[i];
    if (n->op->passthrough != i + 1 || !is_inner(x) || x->has_grad) return false;
    for (int j = 0; j < n->op->inputs; j++)
        if (j != i && n->in[j] == x) return false;
    return true;
}

void tape_segment_begin(Tape *t)
{
    if (t->status || !t->record) return;
    if (t->segment) {
        tape_fault(t, FAIL(E_ARG, "a segment in a segment"));
        return;
    }
    t->segment = ++t->segments;
    t->dry_segment = 0;
    arena_reset(&t->inner);
}

/* Finds out, from the last node of the open segment on, which of them backward needs again: those that keep
 * something, or whose result backward of some node looks at, or forward of one that runs again. */
static void mark_recompute(const Tape *t)
{
    for (Node *n = t->last, *after = NULL; n && n->segment == t->segment; n = n->before) {
        n->recompute |=
            n->keep_size > 0 || (!n->is_segment_result && n->op->needs_inputs >> OP_RESULT & 1);
        n->recompute_next = after;
        after = n;
        for (int i = 0; i < n->op->inputs; i++) {
            Node *from = n->in[i] ? n->in[i]->from : NULL;
            if (from && from->segment == t->segment && !from->is_segment_result)
                from->recompute |= n->recompute || n->op->needs_inputs >> i & 1;
        }
    }
}

Tensor *tape_segment_end(Tape *t, Tensor *y)
{
    if (t->status) return NULL;
    if (!t->segment) return y;
    if (t->dry_segment > t->dry_inner_size) {
        t->dry_size += t->dry_segment - t->dry_inner_size;
        t->dry_inner_size = t->dry_segment;
    }
    if (y && y->from && y->from->segment == t->segment) {
        const Tensor inner = *y;
        const int64_t count = shape_count(y->shape);
        take_result(t, y, y->bf16, false);
        if (t->status) return NULL;
        if (!t->dry && y->bf16)
            memcpy(y->bf16, inner.bf16, (size_t)count * sizeof *y->bf16);
        else if (!t->dry)
            memcpy(y->data, inner.data, (size_t)count * sizeof *y->data);
        y->from->is_segment_result = true;
    }
    mark_recompute(t);
    t->segment = 0;
    return y;
}

/* Runs forward again in the segment of n. */
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

/* Runs backward, or, if there is no region yet, only plans it: places go to Tensor.offset. */
static void run(Tape *t, Tensor *loss, Plan *plan, real *region)
{
    for (Node *n = t->last; n; n = n->before) n->out->has_grad = false;
    if (!region) loss->offset = plan_take(plan, 1);
    loss->has_grad = true;
    if (region) *(loss->grad = region + loss->offset) = t->seed;

    for (Node *n = t->last; n && !t->status; n = n->before) {
        if (!n->out->has_grad) continue; /* the loss does not depend on it */
        if (region && n->segment && n->segment != t->segment) {
            recompute_segment(t, n);
            if (t->status) return;
        }
        bool is_shared = false;
        n->dout = n->out->grad;
        n->scratch = t->scratch;
        for (int i = 0; i < n->op->inputs; i++) {
            Tensor *x = n->in[i];
            n->din[i] = NULL;
            if (!x || !x->wants_grad || n->op->grad_in_forward >> i & 1) continue;
            if (x->name) {
                if (region) n->din[i] = claim(t, x, &n->add[i]);
                continue;
            }
            n->add[i] = x->has_grad;
            if (!region && !x->has_grad) {
                if (passes_through(n, i))
                    x->offset = n->out->offset;
                else
                    x->offset = plan_take(plan, shape_count(x->shape));
            }
            is_shared |= x->offset == n->out->offset;
            x->has_grad = true;
            if (region) n->din[i] = x->grad = region + x->offset;
        }
        if (region) {
            compute(t, n, PASS_BACKWARD);
            poison_gradients(t, n);
            for (int i = 0; i < n->op->inputs; i++)
                if (n->din[i]) check(t, n, n->in[i], true, n->din[i]);
        } else if (!is_shared)
            plan_drop(plan, n->out->offset);
    }
}

Status tape_backward(Tape *t, Tensor *loss)
{
    if (t->status) return t->status;
    if (t->segment) return FAIL(E_ARG, "a segment has no end");
    if (!loss || !is_inner(loss)) return FAIL(E_ARG, "the loss does not depend on a parameter");
    if (loss->shape.rank) return FAIL(E_SHAPE, "loss %s: not a scalar", shape_text(loss->shape));

    int64_t nodes = 0;
    for (Node *n = t->last; n; n = n->before) nodes++;
    Plan plan = {.live = tape_take(t, (nodes + 2) * (int64_t)sizeof(Span))};
    if (t->status) return t->status;
    run(t, loss, &plan, NULL);
    real *region = take_reals(t, plan.size);
    if (t->status || t->dry) return t->status;
    run(t, loss, &plan, region);
    t->segment = 0;
    return t->status;
}

void tape_reset(Tape *t)
{
    arena_reset(&t->arena);
    t->segment = t->segments = t->dry_inner_size = 0;
    t->last = NULL;
    t->status = OK;
    t->scope = "";
    t->record = false;
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

#include "autograd/params.h"

#include <stdio.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/q8.h"

static void *take(Params *p, int64_t size)
{
    void *memory = p->status ? NULL : arena_zero(&p->arena, size);
    if (!memory && !p->status) p->status = FAIL(E_NOMEM, "parameters: %lld bytes", (long long)size);
    return memory;
}

static Tensor *declare(Params *p, const char *prefix, const char *name, Param like)
{
    Param *new = take(p, sizeof *new);
    if (!new) return NULL;

    *new = like;
    new->rate = 1;
    new->has_v = true;
    int length = *prefix ? snprintf(new->name, sizeof new->name, "%s.%s", prefix, name)
                         : snprintf(new->name, sizeof new->name, "%s", name);
    if (length >= PARAM_NAME_MAX)
        p->status = FAIL(E_ARG, "the name %s.%s is too long", prefix, name);
    for (Param *other = p->first; other && !p->status; other = other->next)
        if (!strcmp(new->name, other->name))
            p->status = FAIL(E_ARG, "two parameters are called %s", new->name);

    new->tensor.name = new->name;
    new->tensor.wants_grad = true;
    new->tensor.offset = p->count;
    new->tensor.index = p->tensors++;
    if (p->last)
        p->last->next = new;
    else
        p->first = new;
    p->last = new;
    p->count += shape_count(like.tensor.shape);
    return &new->tensor;
}

Tensor *params_matrix(Params *p, const char *prefix, const char *name, int64_t rows,
                      int64_t columns, double std)
{
    return declare(p, prefix, name,
                   (Param){.tensor.shape = SHAPE(rows, columns), .std = (real)std, .decay = true});
}

Tensor *params_vector(Params *p, const char *prefix, const char *name, int64_t length, double fill)
{
    return declare(p, prefix, name, (Param){.tensor.shape = SHAPE(length), .fill = (real)fill});
}

void params_rate(Params *p, const Tensor *x, double rate)
{
    if (!x) return;
    INVARIANT(&p->last->tensor == x);
    p->last->rate = rate;
}

Tensor *params_span(Params *p, Tensor *first, Tensor *last)
{
    ParamSpan *span = take(p, sizeof *span);
    if (!span || !first || !last) return NULL;

    Param *one = p->first;
    while (&one->tensor != first) one = one->next;
    span->first = one;
    span->tensor = *first;
    span->tensor.index = p->tensors++;
    span->tensor.shape.dim[0] = 0;
    for (;; one = one->next) {
        if (!one || one->tensor.shape.rank != first->shape.rank ||
            (first->shape.rank > 1 && one->tensor.shape.dim[1] != first->shape.dim[1])) {
            p->status = FAIL(E_SHAPE, "%s %s and %s %s do not join", first->name,
                             shape_text(first->shape), last->name, shape_text(last->shape));
            return NULL;
        }
        one->spanned = true;
        span->tensor.shape.dim[0] += one->tensor.shape.dim[0];
        if (&one->tensor == last) break;
    }
    span->next = p->spans;
    p->spans = span;
    return &span->tensor;
}

Tensor *params_constant(Params *p, Shape shape)
{
    Tensor *x = take(p, sizeof *x);
    if (!x) return NULL;
    *x = (Tensor){.shape = shape, .index = -1};
    x->data = take(p, shape_count(shape) * (int64_t)sizeof(real));
    return x->data ? x : NULL;
}

int64_t params_named(const Params *p)
{
    int64_t count = 0;
    for (const Param *one = p->first; one; one = one->next) count++;
    return count;
}

int64_t params_count_v(const Params *p)
{
    int64_t count = 0;
    for (const Param *one = p->first; one; one = one->next)
        if (one->has_v) count += shape_count(one->tensor.shape);
    return count;
}

const Param *params_at(const Params *p, int64_t index)
{
    const Param *one = p->first;
    while (one->next && one->next->tensor.offset <= index) one = one->next;
    return one;
}

static void take_state(Params *p)
{
    const int64_t size = p->count * (int64_t)sizeof(real), count_v = params_count_v(p);
    int64_t offset = 0;
    p->grad = take(p, size);
    p->m = take(p, size);
    if (count_v) p->v = take(p, count_v * (int64_t)sizeof(real));
    if (p->scratch_count) p->scratch = take(p, p->scratch_count * (int64_t)sizeof(real));
    for (Param *one = p->first; one; one = one->next) {
        one->v_offset = offset;
        if (one->has_v) offset += shape_count(one->tensor.shape);
    }
}

Status params_alloc(Params *p, bool for_training)
{
    const int64_t size = p->count * (int64_t)sizeof(real);
    p->value = take(p, size);
    if (for_training) take_state(p);
    if (p->status) return p->status;
    for (Param *one = p->first; one; one = one->next)
        one->tensor.data = p->value + one->tensor.offset;
    for (ParamSpan *span = p->spans; span; span = span->next)
        span->tensor.data = p->value + span->tensor.offset;
    return OK;
}

Status params_alloc_bf16(Params *p)
{
    p->bf16 = take(p, p->count * (int64_t)sizeof *p->bf16);
    if (p->status) return p->status;
    for (Param *one = p->first; one; one = one->next)
        one->tensor.bf16 = p->bf16 + one->tensor.offset;
    for (ParamSpan *span = p->spans; span; span = span->next)
        span->tensor.bf16 = p->bf16 + span->tensor.offset;
    params_update_bf16(p);
    return OK;
}

static void update_bf16(const void *context, int64_t begin, int64_t end, int worker)
{
    const Params *p = context;
    (void)worker;
    to_bf16(p->bf16 + begin, p->value + begin, end - begin);
}

void params_update_bf16(const Params *p)
{
    if (p->bf16) threads_range(p->count, 1 << 16, update_bf16, p);
}

Status params_round_q8(Params *p, Tensor *x)
{
    const int64_t rows = x->shape.dim[0], columns = x->shape.dim[1];
    Q8Block *q8 = take(p, q8_size(rows, columns) * (int64_t)sizeof *q8);
    if (p->status) return p->status;
    if (!q8_pack(x->data, rows, columns, q8))
        return FAIL(E_FAILED, "%s has a number that is not finite or too large for 8 bits",
                    x->name);
    x->q8 = q8;
    return OK;
}

typedef struct Draw {
    const Param *param;
    Rng rng; /* one stream per parameter: the order of declaration does not matter */
} Draw;

static void draw(const void *context, int64_t begin, int64_t end, int worker)
{
    const Draw *d = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        d->param->tensor.data[i] = d->param->std > 0
                                       ? d->param->std * (real)rng_normal(d->rng, (uint64_t)i, 0)
                                       : d->param->fill;
}

void params_init(Params *p, uint64_t seed)
{
    for (Param *one = p->first; one; one = one->next)
        threads_range(shape_count(one->tensor.shape), 1 << 16, draw,
                      &(Draw){one, rng_stream(seed, one->name)});
    params_update_bf16(p);
}

static void zero_unwritten(const Tensor *x, const bool *written, real *grads)
{
    if (!written[x->index])
        memset(grads + x->offset, 0, (size_t)shape_count(x->shape) * sizeof *grads);
}

void params_zero_unwritten(const Params *p, const bool *written, real *grads)
{
    for (const Param *one = p->first; one; one = one->next)
        if (!one->spanned) zero_unwritten(&one->tensor, written, grads);
    for (const ParamSpan *span = p->spans; span; span = span->next)
        zero_unwritten(&span->tensor, written, grads);
}

void params_free(Params *p)
{
    arena_free(&p->arena);
    *p = (Params){0};
}

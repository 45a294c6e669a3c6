#include "optim/lion.h"

#include "autograd/base/threads.h"
#include "optim/param_chunks.h"
#include "optim/penalties.h"

typedef struct Update {
    const Params *params;
    real keep; /* 1 - lr * weight decay; 1 for parameters without decay */
    real scale, beta1, beta2, rest1, rest2;
    real size; /* of the step: lr times the parameter's rate */
    Penalties penalties;
    double lr;
    ParamChunk *chunks;
} Update;

enum { VALUE, CHANGE }; /* ParamChunk.sum: of squares of these */

VECTOR_INLINE void update_part(const Update *u, int64_t begin, int64_t end, real sums[2])
{
    const Update c = *u;
    real *restrict value = c.params->value, *restrict m = c.params->m;
    const real *restrict grad = c.params->grad;
    real values = 0, changes = 0;
#pragma omp simd reduction(+ : values, changes)
    for (int64_t i = begin; i < end; i++) {
        const real before = value[i], g = grad[i] * c.scale + c.penalties.l2 * before;
        const real mean = m[i] * c.beta1 + c.rest1 * g;
        const real step = mean > 0 ? c.size : mean < 0 ? -c.size : 0;
        const real after = penalties_shrink(before * c.keep - step, c.penalties.l1);
        m[i] = m[i] * c.beta2 + c.rest2 * g;
        value[i] = after;
        values += before * before;
        changes += (after - before) * (after - before);
    }
    sums[VALUE] = values;
    sums[CHANGE] = changes;
}

VECTOR static void update(const Update *u, ParamChunk *one)
{
    enum { PART = 1 << 12 };
    for (int64_t i = one->begin; i < one->end; i += PART) {
        real sums[2];
        update_part(u, i, i + PART < one->end ? i + PART : one->end, sums);
        for (int k = 0; k < 2; k++) one->sum[k] += (double)sums[k];
    }
}

static void update_chunks(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        Update u = *(const Update *)context;
        const Param *param = u.chunks[i].param;
        if (!param->decay) u.keep = 1, u.penalties = (Penalties){0};
        u.size = (real)(u.lr * param->rate);
        update(&u, &u.chunks[i]);
    }
}

void lion_step(Params *p, const OptimConfig *c, double lr, double grad_scale, UpdateStats *stats)
{
    ParamChunk chunks[CHUNKS_AT_ONCE];
    const Update u = {
        .params = p,
        .keep = (real)(1 - lr * c->weight_decay),
        .scale = (real)grad_scale,
        .beta1 = (real)c->beta1,
        .beta2 = (real)c->beta2,
        .rest1 = (real)(1 - c->beta1),
        .rest2 = (real)(1 - c->beta2),
        .penalties = penalties_of(c, lr),
        .lr = lr,
        .chunks = chunks,
    };
    ParamChunkCursor at = {.param = p->first};
    for (int count; (count = param_chunks_next(&at, false, chunks)) > 0;) {
        threads_range(count, 1, update_chunks, &u);
        for (int i = 0; stats && i < count; i++) {
            stats[chunks[i].number].value += chunks[i].sum[VALUE];
            stats[chunks[i].number].update += chunks[i].sum[CHANGE];
        }
    }
}

#include "optim/adamw.h"

#include <math.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/vector.h"
#include "optim/param_chunks.h"
#include "optim/penalties.h"

/* The constants of one parameter's update. */
typedef struct Update {
    const Params *params;
    real keep; /* 1 - lr * weight decay; 1 for parameters without decay */
    real scale, beta1, beta2, rest1, rest2, root_bias2, eps;
    real size; /* of the step: step times the parameter's rate */
    Penalties penalties;
    int64_t v_shift; /* from a number's index to that of its v */
    double step;
} Update;

enum { VALUE, CHANGE, RATIO }; /* ParamChunk.sum: of squares of these */

/* The parts of an update: both at once, or one after the other if the moments determine the step's
 * size. */
enum { MOMENTS = 1, STEP = 2, SUMS = 4, PENALTIES = 8 };

/* Computes in the order of PyTorch's single-tensor AdamW. sums are real, which suffices for a
 * block. */
VECTOR_INLINE void update_as(const Update *u, int64_t begin, int64_t end, int what, real sums[3])
{
    const Update c = *u;
    real *restrict value = c.params->value, *restrict m = c.params->m, *restrict v = c.params->v;
    const real *restrict grad = c.params->grad;
    const int64_t v_shift = c.v_shift;
    real values = 0, changes = 0, ratios = 0;
#pragma omp simd reduction(+ : values, changes, ratios)
    for (int64_t i = begin; i < end; i++) {
        real mean = m[i], square = v[i + v_shift], g = 0;
        if (what & MOMENTS) {
            g = grad[i] * c.scale;
            if (what & PENALTIES) g += c.penalties.l2 * value[i];
            mean = m[i] * c.beta1 + c.rest1 * g;
            square = square * c.beta2 + c.rest2 * g * g;
            m[i] = mean;
            v[i + v_shift] = square;
        }
#ifdef CAPSTAN_DOUBLE
        const real root = sqrt(square) / c.root_bias2;
#else
        const real root = sqrtf(square) / c.root_bias2;
#endif
        if (what & MOMENTS && what & SUMS) {
            const real ratio = g / (root > c.eps ? root : c.eps);
            ratios += ratio * ratio;
        }
        if (what & STEP) {
            const real before = value[i];
            real after = before * c.keep - c.size * mean / (root + c.eps);
            if (what & PENALTIES) after = penalties_shrink(after, c.penalties.l1);
            value[i] = after;
            if (what & SUMS) {
                values += before * before;
                changes += (after - before) * (after - before);
            }
        }
    }
    sums[VALUE] = values;
    sums[CHANGE] = changes;
    sums[RATIO] = ratios;
}

/* A loop of its own for penalties, so that others do not pay for them. */
VECTOR_INLINE void update_part(const Update *u, int64_t begin, int64_t end, int what, real sums[3])
{
    if (u->penalties.l1 > 0 || u->penalties.l2 > 0)
        update_as(u, begin, end, what | PENALTIES, sums);
    else
        update_as(u, begin, end, what, sums);
}

VECTOR_INLINE void update_sums(const Update *u, ParamChunk *one, int what)
{
    enum { PART = 1 << 12 };
    for (int64_t i = one->begin; i < one->end; i += PART) {
        real sums[3];
        update_part(u, i, i + PART < one->end ? i + PART : one->end, what | SUMS, sums);
        for (int k = 0; k < 3; k++) one->sum[k] += (double)sums[k];
    }
}

VECTOR static void update(const Update *u, ParamChunk *one)
{
    real sums[3];
    update_part(u, one->begin, one->end, MOMENTS | STEP, sums);
}

VECTOR static void update_with_sums(const Update *u, ParamChunk *one)
{
    update_sums(u, one, MOMENTS | STEP);
}

VECTOR static void update_moments(const Update *u, ParamChunk *one)
{
    update_sums(u, one, MOMENTS);
}

VECTOR static void update_values(const Update *u, ParamChunk *one)
{
    update_sums(u, one, STEP);
}

VECTOR static void update_only_values(const Update *u, ParamChunk *one)
{
    real sums[3];
    update_part(u, one->begin, one->end, STEP, sums);
}

typedef void UpdateChunk(const Update *u, ParamChunk *one);

typedef struct Task {
    const Update *update;
    UpdateChunk *part;
    ParamChunk *chunks;
} Task;

static void update_chunks(const void *context, int64_t begin, int64_t end, int worker)
{
    const Task *t = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        Update u = *t->update;
        const Param *param = t->chunks[i].param;
        if (!param->has_v) continue;
        if (!param->decay) u.keep = 1, u.penalties = (Penalties){0};
        u.size = (real)(u.step * param->rate);
        u.v_shift = param->v_offset - param->tensor.offset;
        t->part(&u, &t->chunks[i]);
    }
}

/* Updates one parameter (of_one) and adds its sums of squares to stats[0]; or updates all, each
 * with its own stats. */
static void run_part(const Update *u, UpdateChunk *part, ParamChunkCursor *at, bool of_one,
                     UpdateStats *stats)
{
    const int64_t number = at->number;
    ParamChunk chunks[CHUNKS_AT_ONCE];
    while (at->param && !(of_one && at->number > number)) {
        const int count = param_chunks_next(at, of_one, chunks);
        threads_range(count, 1, update_chunks, &(Task){u, part, chunks});
        for (int i = 0; stats && i < count; i++) {
            UpdateStats *s = of_one ? stats : &stats[chunks[i].number];
            s->value += chunks[i].sum[VALUE];
            s->update += chunks[i].sum[CHANGE];
            s->rms += chunks[i].sum[RATIO];
        }
    }
}

/* sum: of the squares of all numbers of the parameter. */
static double root_mean(const Param *one, double sum)
{
    return sqrt(sum / (double)shape_count(one->tensor.shape));
}

/* Update clipping: a parameter whose gradient is larger than v predicts takes a smaller step, decay
 * included (Wortsman et al. 2023, arXiv:2304.13013, algorithm 2). */
static void clipped_step(Update *u, double decay, double size, UpdateStats *stats)
{
    ParamChunkCursor at = {.param = u->params->first};
    while (at.param) {
        ParamChunkCursor again = at;
        UpdateStats own = {0}, *s = stats ? &stats[at.number] : &own;
        run_part(u, update_moments, &at, true, s);
        const double rms = root_mean(again.param, s->rms), larger = rms > 1 ? rms : 1;
        u->keep = (real)(1 - decay / larger);
        u->step = size / larger;
        run_part(u, stats ? update_values : update_only_values, &again, true, s);
    }
}

void adamw_step(Params *p, const OptimConfig *c, double lr, double grad_scale, int64_t step,
                UpdateStats *stats)
{
    const double bias1 = 1 - pow(c->beta1, (double)step), bias2 = 1 - pow(c->beta2, (double)step);
    Update u = {
        .params = p,
        .keep = (real)(1 - lr * c->weight_decay),
        .scale = (real)grad_scale,
        .beta1 = (real)c->beta1,
        .beta2 = (real)c->beta2,
        .rest1 = (real)(1 - c->beta1),
        .rest2 = (real)(1 - c->beta2),
        .root_bias2 = (real)sqrt(bias2),
        .eps = (real)c->eps,
        .penalties = penalties_of(c, lr),
        .step = lr / bias1,
    };
    if (c->update_clip)
        clipped_step(&u, lr * c->weight_decay, lr / bias1, stats);
    else
        run_part(&u, stats ? update_with_sums : update, &(ParamChunkCursor){.param = p->first},
                 false, stats);
}

#include "optim/adamw.h"

#include <math.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/squares.h"
#include "autograd/kernels/vector.h"
#include "optim/param_chunks.h"

void optim_resolve(OptimConfig *c, int64_t steps)
{
    if (c->min_lr == -1) c->min_lr = c->lr / 10;
    if (c->decay_steps == 0) c->decay_steps = steps;
    if (!(c->warmup_share > 0)) return;
    c->warmup = llround(c->warmup_share * (double)steps);
    c->resolved_share = c->warmup_share;
    c->warmup_share = 0;
}

Status optim_check(const OptimConfig *c)
{
    if (c->min_lr < 0)
        return FAIL(E_CONFIG,
                    "optim.min_lr = %g: expected a number from 0 to optim.lr = %g, or -1 for a "
                    "tenth of it",
                    c->min_lr, c->lr);
    if (c->min_lr > c->lr)
        return FAIL(E_CONFIG, "optim.min_lr = %g is above optim.lr = %g: it must be 0 to %g",
                    c->min_lr, c->lr, c->lr);
    return OK;
}

typedef struct Squares {
    const real *x;
    ParamChunk *chunks;
} Squares;

static void square_chunk(const void *context, int64_t begin, int64_t end, int worker)
{
    const Squares *s = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        ParamChunk *one = &s->chunks[i];
        one->sum[0] = squares_sum(s->x + one->begin, one->end - one->begin);
    }
}

double grad_norm(const Params *p, double *norms)
{
    ParamChunk chunks[CHUNKS_AT_ONCE];
    ParamChunkCursor at = {.param = p->first};
    double total = 0;
    for (int count; (count = param_chunks_next(&at, false, chunks)) > 0;) {
        threads_range(count, 1, square_chunk, &(Squares){p->grad, chunks});
        for (int i = 0; i < count; i++) {
            const ParamChunk *one = &chunks[i];
            total += one->sum[0];
            if (!norms) continue;
            if (one->begin == one->param->tensor.offset) norms[one->number] = 0;
            norms[one->number] += one->sum[0];
        }
    }
    for (int64_t i = 0; norms && i < at.number; i++) norms[i] = sqrt(norms[i]);
    return sqrt(total);
}

double clip_scale(double norm, double limit)
{
    const double scale = limit / (norm + 1e-6);
    return limit > 0 && scale < 1 ? scale : 1;
}

/* The constants of one parameter's update. */
typedef struct Update {
    const Params *params;
    real keep; /* 1 - lr * weight decay; 1 for parameters without decay */
    real scale, beta1, beta2, rest1, rest2, root_bias2, eps;
    real size; /* of the step: step times the parameter's rate */
    double step;
} Update;

enum { VALUE, CHANGE, RATIO }; /* ParamChunk.sum: of squares of these */

/* The parts of an update: both at once, or one after the other if the moments determine the step's
 * size. */
enum { MOMENTS = 1, STEP = 2, SUMS = 4 };

/* Computes in the order of PyTorch's single-tensor AdamW. sums are real, which suffices for a
 * block. */
VECTOR_INLINE void update_part(const Update *u, int64_t begin, int64_t end, int what, real sums[3])
{
    const Update c = *u;
    real *restrict value = c.params->value, *restrict m = c.params->m, *restrict v = c.params->v;
    const real *restrict grad = c.params->grad;
    real values = 0, changes = 0, ratios = 0;
#pragma omp simd reduction(+ : values, changes, ratios)
    for (int64_t i = begin; i < end; i++) {
        real mean = m[i], square = v[i], g = 0;
        if (what & MOMENTS) {
            g = grad[i] * c.scale;
            mean = m[i] * c.beta1 + c.rest1 * g;
            square = v[i] * c.beta2 + c.rest2 * g * g;
            m[i] = mean;
            v[i] = square;
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
            const real before = value[i], after = before * c.keep - c.size * mean / (root + c.eps);
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
        if (!t->chunks[i].param->decay) u.keep = 1;
        u.size = (real)(u.step * t->chunks[i].param->rate);
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
        .step = lr / bias1,
    };
    UpdateStats *s = stats;
    for (const Param *one = p->first; stats && one; one = one->next, s++)
        s->value = s->update = s->rms = 0;
    if (c->update_clip)
        clipped_step(&u, lr * c->weight_decay, lr / bias1, stats);
    else
        run_part(&u, stats ? update_with_sums : update, &(ParamChunkCursor){.param = p->first},
                 false, stats);
    params_update_bf16(p);
    s = stats;
    for (const Param *one = p->first; stats && one; one = one->next, s++) {
        s->value = sqrt(s->value);
        s->update = sqrt(s->update);
        s->rms = root_mean(one, s->rms);
    }
}

#include "optim/optim.h"

#include <math.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/squares.h"
#include "optim/adamw.h"
#include "optim/lion.h"
#include "optim/muon.h"
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
    if (c->optimizer == OPTIMIZER_lion && c->update_clip)
        return FAIL(E_CONFIG, "optim.update_clip = true needs AdamW's second moment, which "
                              "optim.optimizer = lion does not keep: leave it out");
    if (c->optimizer == OPTIMIZER_muon && c->lr == 0)
        return FAIL(E_CONFIG, "optim.lr = 0 with optim.optimizer = muon: optim.muon_lr follows the "
                              "schedule of optim.lr; expected a number such as 1e-3");
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

void optim_choose(const OptimConfig *c, Params *p)
{
    for (Param *one = p->first; one; one = one->next)
        one->has_v =
            c->optimizer == OPTIMIZER_adamw || (c->optimizer == OPTIMIZER_muon && !muon_fits(one));
    p->scratch_count = c->optimizer == OPTIMIZER_muon ? muon_scratch(p) : 0;
}

double optim_flops(const OptimConfig *c, const Params *p)
{
    return c->optimizer == OPTIMIZER_muon ? muon_flops(p) : 0;
}

/* The mean over all numbers of the parameter, of which sum is the sum. */
static double root_mean(const Param *one, double sum)
{
    return one->has_v ? sqrt(sum / (double)shape_count(one->tensor.shape)) : NAN;
}

static void finish_stats(const Params *p, UpdateStats *s)
{
    for (const Param *one = p->first; one; one = one->next, s++) {
        s->value = sqrt(s->value);
        s->update = sqrt(s->update);
        s->rms = root_mean(one, s->rms);
    }
}

void optim_step(Params *p, const OptimConfig *c, double lr, double grad_scale, int64_t step,
                UpdateStats *stats)
{
    UpdateStats *s = stats;
    for (const Param *one = p->first; stats && one; one = one->next, s++)
        s->value = s->update = s->rms = 0;
    switch (c->optimizer) {
    case OPTIMIZER_muon: muon_step(p, c, lr, grad_scale, stats); /* fall through */
    case OPTIMIZER_adamw: adamw_step(p, c, lr, grad_scale, step, stats); break;
    case OPTIMIZER_lion: lion_step(p, c, lr, grad_scale, stats);
    }
    params_update_bf16(p);
    if (stats) finish_stats(p, stats);
}

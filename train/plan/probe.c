#include "train/plan/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "optim/schedule.h"
#include "train/step/model.h"
#include "train/support/clock.h"
#include "train/support/quantile.h"

enum { STREAM_BATCHES = 8, TIMES_MAX = 1000 };

static Status make_stream(Probe *p, int64_t vocab_size)
{
    const Batch *b = &p->batch;
    const int64_t count = STREAM_BATCHES * b->sequences * (b->context + 1);
    const Rng rng = rng_stream((uint64_t)p->config->train.seed, "probe");
    p->stream = arena_take(&p->arena, count * (int64_t)sizeof *p->stream);
    if (!p->stream) return FAIL(E_NOMEM, "%lld tokens", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        /* The integral of 1 / rank is the logarithm; this is its inverse. */
        double rank = exp(rng_uniform(rng, (uint64_t)i, 0) * log((double)vocab_size + 1));
        int64_t token = (int64_t)rank - 1;
        p->stream[i] = (int32_t)(token < vocab_size ? token : vocab_size - 1);
    }
    return OK;
}

Status probe_open(Probe *p, const Config *c, int64_t vocab_size)
{
    *p = (Probe){.config = c};
    TRY(batch_alloc(&p->batch, &p->arena, c->train.batch, c->model.context));
    TRY(make_stream(p, vocab_size));
    TRY(model_open(&p->model, &p->params, c, vocab_size, true));
    params_init(&p->params, (uint64_t)c->train.seed);
    return microbatches_open(&p->microbatches, &p->params, c->train.microbatches, c->train.groups);
}

void probe_close(Probe *p)
{
    microbatches_close(p->microbatches);
    params_free(&p->params);
    arena_free(&p->arena);
    *p = (Probe){0};
}

static void fill(Probe *p)
{
    Batch *b = &p->batch;
    const int64_t context = b->context;
    for (int64_t s = 0; s < b->sequences; s++) {
        const int64_t window = (p->step % STREAM_BATCHES) * b->sequences + s;
        const int32_t *from = p->stream + window * (context + 1);
        memcpy(b->inputs + s * context, from, (size_t)context * sizeof *from);
        memcpy(b->targets + s * context, from + 1, (size_t)context * sizeof *from);
        for (int64_t i = 0; i < context; i++) b->positions[s * context + i] = (int32_t)i;
        b->segment_index[s] = (int32_t)s;
        b->segment_starts[s] = (int32_t)(s * context);
    }
    b->segment_index[b->sequences] = (int32_t)b->sequences;
    b->segment_starts[b->sequences] = (int32_t)(b->sequences * context);
    b->loss_tokens = b->sequences * context;
}

/* Adds a call from `begin` to now, which moved `bytes`, to the profile; returns the clock. */
static double mark(Probe *p, const char *name, double begin, double bytes)
{
    if (p->profile) profile_call(p->profile, name, begin, bytes);
    return clock_seconds();
}

Status probe_step(Probe *p, double *seconds)
{
    const Config *c = p->config;
    NoiseSample noise;
    StepTask task = step_task(c, &p->model, &p->batch, p->step + 1);
    task.noise = &noise;
    const double begin = clock_seconds(), block = (double)p->params.count * sizeof(real);
    double now = begin;
    microbatches_profile(p->microbatches, p->profile);
    fill(p);
    mark(p, "batch", now, 0);
    TRY(microbatches_step(p->microbatches, &task, &p->loss));
    now = clock_seconds();
    const double norm = grad_norm(&p->params, NULL);
    now = mark(p, "norm of gradients", now, block);
    p->step++;
    optim_step(&p->params, &c->optim, learning_rate(&c->optim, p->step),
               clip_scale(norm, c->optim.clip), p->step, NULL);
    mark(p, "optimizer", now,
         5 * block + 2 * (double)params_count_v(&p->params) * sizeof(real)); /* v, if there is */
    *seconds = clock_seconds() - begin;
    return OK;
}

Status probe_median(Probe *p, int64_t warmup, int64_t steps, double *seconds)
{
    double times[TIMES_MAX];
    INVARIANT(steps > 0 && steps <= TIMES_MAX);
    for (int64_t i = 0; i < warmup; i++) TRY(probe_step(p, seconds));
    for (int64_t i = 0; i < steps; i++) TRY(probe_step(p, &times[i]));
    *seconds = median(times, steps);
    return OK;
}

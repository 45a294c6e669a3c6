#include "train/run/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "optim/schedule.h"
#include "train/step/model.h"

/* E_CONFIG: no batch can have a loss token. */
static Status check_losses(const Batches *b)
{
    if (batches_without_loss(b) < b->windows) return OK;
    return FAIL(E_CONFIG, "data.path = %s: no token of its training split has a loss: %s",
                b->dataset->path,
                b->is_packed ? "the prompts fill all sequences; model.context is too small"
                             : "no document has more than one token");
}

static Status open_parts(Run *r, const Config *c)
{
    const int64_t context = c->model.context, batch = c->train.batch;
    const uint64_t seed = (uint64_t)c->train.seed;

    TRY(dataset_open(&r->dataset, c->data.path));
    TRY(batches_open(&r->train, &r->dataset, &r->dataset.train, &c->data, context, batch, seed));
    TRY(check_losses(&r->train));
    const Status val =
        batches_open(&r->val, &r->dataset, &r->dataset.val, &c->data, context, batch, seed);
    r->val_lacks_loss = val == OK && batches_without_loss(&r->val) == r->val.windows;
    r->has_val = val == OK && !r->val_lacks_loss;
    if (val != OK && val != E_CONFIG) return val; /* E_CONFIG: it is too short */
    TRY(batch_alloc(&r->batch, &r->arena, batch, context));

    TRY(model_open(&r->model, &r->params, c, r->dataset.vocab_size, true));
    params_init(&r->params, seed);
    if (c->monitor.inject == INJECT_nan) TRY(inject_target(c->monitor.inject_where, &r->fault));
    TRY(monitor_open(&r->monitor, &r->arena, &c->monitor,
                     &(MonitorShape){.steps = c->train.steps,
                                     .warmup = c->optim.warmup,
                                     .beta2 = c->optim.beta2,
                                     .layers = c->model.layers,
                                     .rows = batch * context},
                     &r->params));
    return microbatches_open(&r->microbatches, &r->params, c->train.microbatches, c->train.groups);
}

Status run_open(Run *r, const Config *c)
{
    *r = (Run){.config = c, .best_val_loss = INFINITY};
    return open_parts(r, c);
}

void run_close(Run *r)
{
    microbatches_close(r->microbatches);
    params_free(&r->params);
    batches_close(&r->train);
    batches_close(&r->val);
    dataset_close(&r->dataset);
    arena_free(&r->arena);
    *r = (Run){0};
}

/* Writes the origin of a number that is not finite into the judgement's message. */
static void trace(Run *r, const StepTask *task)
{
    Judgement *j = &r->monitor.judgement;
    const TapeFinding *f = &r->finding;
    char value[32], origin[256] = "each of its parts is finite, but their sum overflows";
    text_real(isfinite(r->loss) ? r->grad_norm : r->loss, value);
    const Status status = microbatches_trace(r->microbatches, task, &r->finding);
    if (status != OK)
        snprintf(origin, sizeof origin, "its origin cannot be determined: %.200s", error_message());
    else if (f->found)
        snprintf(origin, sizeof origin, "first seen in the %s of %s in %s%s%s",
                 f->in_backward ? "backward" : "forward", f->op, f->scope,
                 f->parameter ? (f->in_backward ? ", gradient of " : ", value of ") : "",
                 f->parameter ? f->parameter : "");
    snprintf(j->message, sizeof j->message, "step %lld (batch %lld): the %s is %s; %s",
             (long long)j->step, (long long)j->batch_index, isfinite(r->loss) ? "gradient" : "loss",
             value, origin);
}

Status run_measure(Run *r)
{
    const Config *c = r->config;
    Monitor *m = &r->monitor;
    const bool telemetry = m->config && m->config->telemetry;
    const int64_t batch_index = monitor_next_batch(m, r->batch_index);
    r->poisoned = *r->fault.op && inject_is_due(&c->monitor, batch_index);
    const TapePoison poison = {r->fault.op, r->fault.scope, r->fault.in_backward, 0};
    StepTask task = step_task(c, &r->model, &r->batch, r->step + 1);
    task.stats = m->config ? &m->stats : NULL;
    task.noise = &r->sample;
    task.poison = r->poisoned ? &poison : NULL;
    r->finding = (TapeFinding){0};
    TRY(batches_fill(&r->train, batch_index, &r->batch));
    TRY(inject_tokens(&c->monitor, &r->train, batch_index, &r->batch));
    TRY(microbatches_step(r->microbatches, &task, &r->loss));
    inject_gradient(&c->monitor, batch_index, &r->params);
    r->grad_norm = grad_norm(&r->params, telemetry ? m->norms : NULL);
    if (!r->batch.loss_tokens && isfinite(r->loss) && isfinite(r->grad_norm))
        monitor_pass(m, r->step + 1, batch_index);
    else
        monitor_judge(m, r->step + 1, batch_index, r->loss, r->grad_norm);
    if (m->judgement.finding.flag == SPIKE_NONFINITE) trace(r, &task);
    return OK;
}

void run_update(Run *r)
{
    const OptimConfig *c = &r->config->optim;
    Monitor *m = &r->monitor;
    const Judgement *j = &m->judgement;
    double scale = clip_scale(r->grad_norm, c->clip);
    if (j->limit < scale * r->grad_norm) scale = j->limit / r->grad_norm;

    noise_add(&r->noise, &r->sample, r->grad_norm, (double)r->batch.loss_tokens);
    r->step++;
    r->batch_index = j->batch_index;
    r->tokens += r->batch.loss_tokens;
    r->lr = learning_rate(c, r->step) * m->rate;
    optim_step(&r->params, c, r->lr, scale, r->step,
               m->config && m->config->telemetry ? m->updates : NULL);
    monitor_updated(m, r->lr, scale);
}

void run_skip(Run *r)
{
    r->batch_index = r->monitor.judgement.batch_index;
    monitor_skipped(&r->monitor);
}

Status run_stop_error(const Run *r)
{
    const Judgement *j = &r->monitor.judgement;
    return FAIL(E_NUMERIC, "%s; nothing was updated%s", j->message,
                !j->exhausted ? ""
                : r->config->monitor.action == ACTION_rewind
                    ? "; monitor.attempts are used up at this step"
                    : "; monitor.skip_run and monitor.skip_share allow no more skips");
}

Status run_step(Run *r)
{
    TRY(run_measure(r));
    switch (r->monitor.judgement.verdict) {
    case VERDICT_TAKE: run_update(r); break;
    case VERDICT_STOP: return run_stop_error(r);
    default: run_skip(r);
    }
    return OK;
}

/* Adds evaluation batch i, which may have no loss token. */
static Status add_val_loss(Run *r, int64_t i, double *total, int64_t *tokens)
{
    double sum = 0;
    TRY(batches_eval(&r->val, i, &r->batch));
    if (r->batch.loss_tokens)
        TRY(microbatches_loss(r->microbatches, &r->model, &r->batch, &sum, NULL));
    *total += sum;
    *tokens += r->batch.loss_tokens;
    return OK;
}

Status run_val_loss(Run *r, double *loss)
{
    const int64_t all = batches_eval_count(&r->val),
                  count = all < r->config->train.eval_batches ? all : r->config->train.eval_batches;
    double total = 0;
    int64_t tokens = 0;
    for (int64_t i = 0; i < count; i++) TRY(add_val_loss(r, i * all / count, &total, &tokens));
    for (int64_t i = 0; i < all && !tokens; i++) TRY(add_val_loss(r, i, &total, &tokens));
    *loss = total / (double)tokens;
    return OK;
}

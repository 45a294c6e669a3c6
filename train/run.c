#include "train/run.h"

#include <math.h>

#include "autograd/base/text.h"
#include "optim/schedule.h"

static Status open_parts(Run *r, const Config *c)
{
    const int64_t context = c->model.context, batch = c->train.batch;
    const uint64_t seed = (uint64_t)c->train.seed;

    TRY(dataset_open(&r->dataset, c->data.path));
    TRY(batches_open(&r->train, &r->dataset, &r->dataset.train, &c->data, context, batch, seed));
    const Status val =
        batches_open(&r->val, &r->dataset, &r->dataset.val, &c->data, context, batch, seed);
    r->has_val = val == OK;
    if (val != OK && val != E_CONFIG) return val; /* else it is too short */
    TRY(batch_alloc(&r->batch, &r->arena, batch, context));

    gpt_init(&r->model, &r->params, &c->model, r->dataset.vocab_size, seed);
    TRY(params_alloc(&r->params, true));
    params_init(&r->params, seed);
    return lanes_open(&r->lanes, &r->params, config_leaves(c));
}

Status run_open(Run *r, const Config *c)
{
    *r = (Run){.config = c, .best_val_loss = INFINITY};
    return open_parts(r, c);
}

void run_close(Run *r)
{
    lanes_close(r->lanes);
    params_free(&r->params);
    batches_close(&r->train);
    batches_close(&r->val);
    dataset_close(&r->dataset);
    arena_free(&r->arena);
    *r = (Run){0};
}

/* Says where a number that is not finite came from. */
static Status not_finite(Run *r, const LaneTask *task)
{
    const char *what = isfinite(r->loss) ? "gradient" : "loss";
    char value[32];
    text_real(isfinite(r->loss) ? r->grad_norm : r->loss, value);
    TapeFinding f;
    TRY(lanes_trace(r->lanes, task, &f));
    if (!f.found)
        return FAIL(E_NUMERIC,
                    "update %lld: the %s is %s though every part of it is finite: its sum "
                    "overflows; nothing was updated",
                    (long long)r->step + 1, what, value);
    return FAIL(
        E_NUMERIC,
        "update %lld (draw %lld): the %s is %s; first seen in the %s of %s in %s%s%s; nothing "
        "was updated",
        (long long)r->step + 1, (long long)r->draw + 1, what, value,
        f.in_backward ? "backward" : "forward", f.op, f.scope,
        f.parameter ? (f.in_backward ? ", gradient of " : ", value of ") : "",
        f.parameter ? f.parameter : "");
}

Status run_step(Run *r)
{
    const Config *c = r->config;
    const LaneTask task = {.model = &r->model,
                           .batch = &r->batch,
                           .draw = (uint64_t)r->draw + 1,
                           .dropout = true,
                           .z_loss = c->train.z_loss,
                           .smoothing = c->train.label_smoothing};

    TRY(batches_fill(&r->train, r->draw + 1, &r->batch));
    TRY(lanes_step(r->lanes, &task, &r->loss));
    r->grad_norm = grad_norm(&r->params, NULL);
    if (!isfinite(r->loss) || !isfinite(r->grad_norm)) return not_finite(r, &task);

    r->step++;
    r->draw++;
    r->tokens += r->batch.loss_tokens;
    r->lr = learning_rate(&c->optim, r->step);
    adamw_step(&r->params, &c->optim, r->lr, clip_scale(r->grad_norm, c->optim.clip), r->step,
               NULL);
    return OK;
}

Status run_val_loss(Run *r, double *loss)
{
    const int64_t all = batches_eval_count(&r->val),
                  count = all < r->config->train.eval_batches ? all : r->config->train.eval_batches;
    double total = 0;
    int64_t tokens = 0;
    for (int64_t i = 0; i < count; i++) {
        double sum;
        TRY(batches_eval(&r->val, i * all / count, &r->batch));
        TRY(lanes_loss(r->lanes, &r->model, &r->batch, &sum, NULL));
        total += sum;
        tokens += r->batch.loss_tokens;
    }
    *loss = tokens ? total / (double)tokens : NAN;
    return OK;
}

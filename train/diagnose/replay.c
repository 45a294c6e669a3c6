#include "train/diagnose/replay.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optim/schedule.h"
#include "train/checkpoint/checkpoints.h"
#include "train/diagnose/baseline.h"
#include "train/monitor/inject.h"
#include "train/run/run_state.h"

#define X(id, name) name,
static const char *const names[] = {CULPRIT_LIST(X)};
#undef X

const char *culprit_name(Culprit v)
{
    return names[v];
}

const char *culprit_meaning(Culprit v)
{
    switch (v) {
    case CULPRIT_DATA: return "the batch is bad in any state";
    case CULPRIT_STATE: return "the state is bad for any batch";
    case CULPRIT_BOTH: return "this batch and this state are bad only together";
    case CULPRIT_NEITHER: return "the recorded spike does not reproduce";
    case CULPRIT_UNKNOWN: break;
    }
    return "there is too little data to decide";
}

/* Whether a is more than limit above b. */
static bool above(double a, double b, double limit)
{
    if (!isfinite(b)) return false;
    return !isfinite(a) || a - b > limit;
}

/* The measure of a cell: larger is worse. */
static double measure(const Replay *r, int state, int batch)
{
    const ReplayCell *c = &r->cell[state][batch];
    if (!strcmp(r->measure, "loss")) return c->loss;
    return baseline_log(!strcmp(r->measure, "gradient norm") ? c->grad_norm : c->max_logit);
}

/* limit: the threshold of the flag, in units of the measure. Half of the recorded distance from the
 * normal batch is enough, but at least `least`. */
static void set_measure(Replay *r, const char *name, double limit, double recorded, double least)
{
    r->measure = name;
    r->limit = limit;
    const double half = (recorded - measure(r, STATE_AT, BATCH_CLEAN)) / 2;
    if (half < limit) r->limit = fmax(half, least);
}

static void choose_measure(const Bundle *b, const MonitorConfig *c, Replay *r)
{
    const History *h = &b->history;
    const int64_t rows = history_rows(h) - 1;
    const Baseline loss = baseline_of(h, 0, rows, SIGNAL_loss, false),
                   norm = baseline_of(h, 0, rows, SIGNAL_grad_norm, true);
    if (!strcmp(b->flag, "gradient") ||
        (!strcmp(b->flag, "nonfinite") && isfinite(r->recorded_loss)))
        set_measure(r, "gradient norm",
                    c->grad_norm_z * fmax(isfinite(norm.mad) ? norm.mad : 0, 0.1),
                    baseline_log(r->recorded_grad_norm), log(1.3));
    else if (!strcmp(b->flag, "attention") || !strcmp(b->flag, "none"))
        set_measure(r, "attention logit", log(2), NAN, 0);
    else
        set_measure(r, "loss", c->loss_z * fmax(isfinite(loss.mad) ? loss.mad : 0, 0.02),
                    r->recorded_loss, 0.1);
}

void replay_judge(const Bundle *b, const MonitorConfig *c, Replay *r)
{
    choose_measure(b, c, r);
    const double bad_at = measure(r, STATE_AT, BATCH_BAD),
                 clean_at = measure(r, STATE_AT, BATCH_CLEAN),
                 bad_before = measure(r, STATE_BEFORE, BATCH_BAD),
                 clean_before = measure(r, STATE_BEFORE, BATCH_CLEAN);
    r->too_far = r->step[STATE_BEFORE] >= 0 && above(clean_before, clean_at, r->limit);
    const bool has_before = r->step[STATE_BEFORE] >= 0 && !r->too_far,
               state = has_before ? above(clean_at, clean_before, r->limit) : !isfinite(clean_at),
               at = above(bad_at, clean_at, r->limit),
               before = has_before && above(bad_before, clean_before, r->limit);
    if (state)
        r->culprit = before ? CULPRIT_BOTH : CULPRIT_STATE;
    else if (at)
        r->culprit = before || !has_before ? CULPRIT_DATA : CULPRIT_BOTH;
    else
        r->culprit = CULPRIT_NEITHER;
}

/* Restores FOLDER/NAME, a state of that step, into r, including the learning rate factor of
 * rewinds. */
static Status load(const Bundle *b, const char *name, Run *r, int64_t step)
{
    char path[CHECKPOINT_PATH_MAX];
    CheckpointReader reader;
    if (snprintf(path, sizeof path, "%s/%s", b->folder, name) >= (int)sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", b->folder);
    Status status = checkpoint_open(&reader, path);
    if (status == OK) status = run_state_restore(r, &reader);
    if (status == OK && reader.info.step != step)
        status = FAIL(E_FORMAT, "%s: it is of step %lld; the bundle needs one of step %lld", path,
                      (long long)reader.info.step, (long long)step);
    checkpoint_close(&reader);
    return status;
}

static Status fill(const Config *c, Run *r, int64_t batch_index)
{
    TRY(batches_fill(&r->train, batch_index, &r->batch));
    return inject_tokens(&c->monitor, &r->train, batch_index, &r->batch);
}

static Status check_tokens(const Bundle *b, const Config *c, Run *r)
{
    const size_t size = (size_t)b->rows * sizeof *b->inputs;
    if (b->sequences != r->batch.sequences || b->context != r->batch.context)
        return FAIL(E_FORMAT,
                    "%s: a bundle of another model: its batch is %lld sequences of %lld tokens",
                    b->folder, (long long)b->sequences, (long long)b->context);
    TRY(fill(c, r, b->batch_index));
    if (memcmp(r->batch.inputs, b->inputs, size) || memcmp(r->batch.targets, b->targets, size))
        return FAIL(E_DATA,
                    "%s: batch %lld does not have the tokens of the bundle %s: it is another "
                    "dataset than the run was trained on",
                    c->data.path, (long long)b->batch_index, b->folder);
    return OK;
}

/* Trains the restored state on one batch, which changes it. */
static Status run_cell(const Config *c, Run *r, const Replay *p, int batch, ReplayCell *out)
{
    Arena arena = {0};
    const int64_t layers = c->model.layers;
    StepStats stats = {.max_logit = arena_zero(&arena, layers * (int64_t)sizeof(double))};
    StepTask task = step_task(c, &r->model, &r->batch, r->step + 1);
    task.stats = &stats;
    double sum = 0;
    if (!stats.max_logit) return FAIL(E_NOMEM, "a replay");
    Status status = fill(c, r, p->batch_index[batch]);
    if (status == OK) status = microbatches_step(r->microbatches, &task, &out->loss);
    if (status == OK) {
        out->max_logit = -INFINITY;
        for (int64_t i = 0; i < layers; i++)
            out->max_logit = fmax(out->max_logit, stats.max_logit[i]);
        out->grad_norm = grad_norm(&r->params, NULL);
        optim_step(&r->params, &c->optim, learning_rate(&c->optim, r->step + 1) * r->monitor.rate,
                   clip_scale(out->grad_norm, c->optim.clip), r->step + 1, NULL);
        status = fill(c, r, p->batch_index[BATCH_CLEAN]);
    }
    if (status == OK) status = microbatches_loss(r->microbatches, &r->model, &r->batch, &sum, NULL);
    out->after = sum / (double)r->batch.loss_tokens;
    arena_free(&arena);
    return status;
}

/* The newest ordinary batch before the flagged one. */
static int64_t clean_batch(const Bundle *b)
{
    for (int64_t i = history_rows(&b->history) - 1; i-- > 0;)
        if (baseline_is_ordinary(&b->history, i))
            return (int64_t)history_row(&b->history, i)[SIGNAL_batch];
    return b->batch_index + 1;
}

static Status replay_on(const Bundle *b, const Config *c, Run *r, Replay *out)
{
    static const char *const files[] = {"before.h5", "at.h5"};
    TRY(run_open(r, c));
    TRY(bundle_check_model(b, &r->params, c->model.layers));
    TRY(check_tokens(b, c, r));
    for (int state = 0; state < REPLAY_STATES; state++)
        for (int batch = 0; batch < REPLAY_BATCHES && out->step[state] >= 0; batch++) {
            TRY(load(b, files[state], r, out->step[state]));
            TRY(run_cell(c, r, out, batch, &out->cell[state][batch]));
        }
    replay_judge(b, &c->monitor, out);
    return OK;
}

Status replay_run(const Bundle *b, const Config *c, Replay *out)
{
    const double *last = history_row(&b->history, history_rows(&b->history) - 1);
    Run run;
    *out = (Replay){.step = {b->before_step, b->step - 1},
                    .batch_index = {b->batch_index, clean_batch(b)},
                    .recorded_loss = last[SIGNAL_loss],
                    .recorded_grad_norm = last[SIGNAL_grad_norm]};
    const Status status = replay_on(b, c, &run, out);
    run_close(&run);
    return status;
}

#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/snapshots.h"
#include "train/spike_response.h"
#include "train/start.h"
#include "train/support/clock.h"
#include "train/support/interrupt.h"
#include "train/support/stream.h"

static bool is_due(int64_t step, int64_t every)
{
    return every > 0 && step % every == 0;
}

static Status evaluate(Session *s)
{
    Run *r = &s->run;
    double val_loss;
    const double before = clock_seconds();
    s->evaluating = true;
    TRY(run_val_loss(r, &val_loss));
    s->evaluating = false;
    session_log_evaluation(s, val_loss);
    const bool best = val_loss < r->best_val_loss;
    session_print(s, "step %lld  validation loss %.4f%s", (long long)r->step, val_loss,
                  best ? "  (best)" : "");
    if (best) {
        r->best_val_loss = val_loss;
        r->best_step = r->step;
    }
    s->progress.paused += clock_seconds() - before;
    return OK;
}

/* Prints a sample. If that fails, training continues with a warning. */
static void show_sample(Session *s)
{
    const double before = clock_seconds();
    if (!stream_is_read(s->options->out)) return;
    session_print(s, "step %lld  sample:", (long long)s->run.step);
    Status status = session_sample(s, s->config->train.sample_tokens);
    session_print(s, "%s", "");
    s->progress.paused += clock_seconds() - before;
    if (status != OK && status != E_INTERRUPTED) /* the loop handles the signal */
        session_warn(s, "no sample", error_message());
}

static bool is_saved(const Session *s)
{
    return s->saved == s->run.step && !s->outdated;
}

static void save_if_due(Session *s, int64_t end)
{
    const Run *r = &s->run;
    const bool requested = *s->save_request;
    if (requested) *s->save_request = 0;
    const bool due = r->step == end || *s->stop || requested ||
                     is_due(r->step, s->config->train.save_every) ||
                     (s->retry_delay && r->step >= s->retry_step);
    if (due || r->best_step == r->step) session_save_due(s, !due);
    if (requested && is_saved(s)) session_event(s, "saved", "SIGUSR1");
}

/* One step, then evaluation, sample, snapshot and checkpoint if they are due. */
static Status step(Session *s, int64_t end)
{
    Run *r = &s->run;
    const TrainConfig *c = &s->config->train;
    const double before = clock_seconds();
    bool accepted;
    TRY(run_measure(r));
    TRY(spike_response_act(s, &accepted));
    if (accepted) run_update(r);
    s->log.seconds += clock_seconds() - before;
    if (!accepted) return OK;
    spike_response_warn(s);

    session_show_step(s);
    if (is_due(r->step, c->log_every) || r->step == c->steps) {
        const double elapsed = s->log.seconds - s->logged_seconds,
                     speed = elapsed > 0 ? (double)(r->tokens - s->logged_tokens) / elapsed : 0;
        session_log_training(s, r->step, speed);
        s->logged_tokens = r->tokens;
        s->logged_seconds = s->log.seconds;
    }
    if (r->has_val && c->eval_every && (is_due(r->step, c->eval_every) || r->step == c->steps))
        TRY(evaluate(s));

    if (is_due(r->step, c->sample_every)) show_sample(s);

    if (snapshots_step(s) != OK) session_warn(s, "no snapshot", error_message());
    save_if_due(s, end);
    return OK;
}

/* The run ends because of the monitor, or of a loss or gradient that is not finite. */
static Status stop(Session *s)
{
    char message[4096];
    snprintf(message, sizeof message, "%s", error_message() + strlen(status_text(E_NUMERIC)) + 2);
    if (s->run.monitor.judgement.finding.flag == SPIKE_NONFINITE)
        session_log_training(s, s->run.step + 1, NAN);
    if (s->saved < 0) return FAIL(E_NUMERIC, "%s", message);
    return FAIL(E_NUMERIC, "%s; the checkpoint of step %lld in %s/checkpoints is intact", message,
                (long long)s->saved, s->folder);
}

/* An error ends the run: saves the state after the last complete step. */
static Status save_after_error(Session *s, Status status)
{
    char message[4096];
    snprintf(message, sizeof message, "%s", error_message());
    if (s->run.step && !s->evaluating && !is_saved(s) && session_save(s, false) != OK)
        session_warn(s, "save failed", error_message());
    return error_adopt(status, message);
}

/* Saves the last step unless it is saved already. On a full disk, removes snapshots to make
 * room. */
static Status save_last(Session *s)
{
    char message[4096];
    Status status = is_saved(s) ? OK : session_save(s, false);
    while (status == E_IO) {
        snprintf(message, sizeof message, "%s", error_message());
        if (!snapshots_remove_oldest(s)) return error_adopt(status, message);
        status = session_save(s, false);
    }
    return status;
}

static Status loop(Session *s, int64_t end)
{
    Run *r = &s->run;

    while (r->step < end && !*s->stop) {
        Status status = step(s, end);
        if (status == E_NUMERIC) return stop(s);
        if (status != OK) return save_after_error(s, status);
    }
    TRY(save_last(s));
    if (*s->stop) {
        char name[32];
        snprintf(name, sizeof name, "SIG%s", sigabbrev_np(*s->stop));
        session_event(s, "signal", name);
        return FAIL(E_INTERRUPTED, "saved step %lld; --resume continues from there",
                    (long long)r->step);
    }
    return OK;
}

static Status train_in(Session *s)
{
    const TrainOptions *o = s->options;
    const int64_t steps = s->config->train.steps,
                  end = o->stop_after && o->stop_after < steps ? o->stop_after : steps;
    Run *r = &s->run;
    TRY(session_lock(s)); /* before anything in the folder is read */
    TRY(run_open(r, s->config));
    if (r->dataset.tokenizer)
        TRY(tokenizer_parse(&r->arena, r->dataset.tokenizer, r->dataset.tokenizer_size,
                            r->dataset.path, &s->tokenizer));
    if (s->config->train.sample_every) {
        TRY(decoder_open(&s->decoder, &r->model, 1));
        TRY(session_sample(s, 0));
    }
    TRY(start(s, end));
    session_begin_progress(s, end);
    return loop(s, end);
}

Status train(const TrainOptions *o, const Config *c, bool *began)
{
    char summary[3 * FOLDER_PATH_MAX];
    Session *s = calloc(1, sizeof *s);
    if (!s) return FAIL(E_NOMEM, "a run");
    s->options = o;
    s->config = c;
    s->saved = s->init_step = -1;
    s->stop =
        interrupt_watch("\nfinishing this step, then saving; interrupt again to quit at once\n",
                        true);
    s->save_request = save_requests_watch();
    s->lock.file = -1;
    s->log = (MetricsLog){.metrics.fd = -1, .events.fd = -1};
    threads_set((int)(o->threads ? o->threads : c->train.threads));

    Status status = folder_path(o->folder, o->config, s->folder);
    snprintf(s->checkpoints, sizeof s->checkpoints, "%s/checkpoints", s->folder);
    snprintf(s->snapshots, sizeof s->snapshots, "%s/snapshots", s->folder);
    if (status == OK) status = train_in(s);
    *began = s->progress.out;
    if (*began) status = session_finish(s, status);
    progress_end(&s->progress);
    if (status == OK && s->run.step < c->train.steps)
        session_print(s, "stopped after step %lld of %lld, %s of training; --resume continues",
                      (long long)s->run.step, (long long)c->train.steps,
                      duration_text(s->log.seconds));
    else if (status == OK)
        session_print(s, "done: step %lld, %s of training; checkpoints in %s/checkpoints",
                      (long long)s->run.step, duration_text(s->log.seconds), s->folder);
    if (*began && *spike_response_summary(s, summary, sizeof summary))
        session_print(s, "%s", summary);
    decoder_close(&s->decoder);
    run_close(&s->run);
    session_close(s);
    free(s->before);
    free(s);
    return status;
}

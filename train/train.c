#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/gemm.h"
#include "data/files.h"
#include "train/bench/cores.h"
#include "train/checkpoint/checkpoints.h"
#include "train/run/run_state.h"
#include "train/snapshots.h"
#include "train/spike_response.h"
#include "train/step/model.h"
#include "train/support/clock.h"
#include "train/support/interrupt.h"
#include "train/support/stream.h"

static bool is_due(int64_t step, int64_t every)
{
    return every > 0 && step % every == 0;
}

/* A line of a journal may have to wait. */
static void logged(Session *s, Status status)
{
    if (status != OK) progress_note(&s->progress, "warning: %s", error_message());
}

void session_note(Session *s, const char *kind, const char *text)
{
    logged(s, log_event(&s->log, &s->run, kind, text));
}

void session_tell(Session *s, const char *kind, const char *text)
{
    char message[4096];
    snprintf(message, sizeof message, "%s", text);
    progress_note(&s->progress, "warning: %s", message);
    session_note(s, kind, message);
}

static Status save_state(Session *s, const RunState *state, bool only_best)
{
    const Run *r = &s->run;
    const Checkpoint *c = &state->checkpoint;
    if (log_sync(&s->log) == E_IO) logged(s, E_IO); /* the model is worth more than its log */
    if (only_best) return checkpoints_save_best(s->checkpoints, c);
    TRY(checkpoints_save(s->checkpoints, c, s->config->train.keep,
                         r->step && r->best_step == r->step));
    s->saved = r->step;
    s->outdated = false;
    return OK;
}

Status session_save(Session *s, bool only_best)
{
    RunState state;
    char path[CHECKPOINT_PATH_MAX];
    Status status = run_state_open(&state, &s->run);
    if (status == OK) status = save_state(s, &state, only_best);
    run_state_close(&state);
    status = file_saved(checkpoints_path(s->checkpoints, s->run.step, path), status);
    if (status == OK && !only_best) /* it is on the disk */
        progress_note(&s->progress, "step %lld  saved", (long long)s->run.step);
    return status;
}

static Status evaluate(Session *s)
{
    Run *r = &s->run;
    double val_loss;
    const double before = clock_seconds();
    s->evaluating = true;
    TRY(run_val_loss(r, &val_loss));
    s->evaluating = false;
    logged(s, log_evaluation(&s->log, r, val_loss));
    const bool best = val_loss < r->best_val_loss;
    progress_note(&s->progress, "step %lld  held-out loss %.4f%s", (long long)r->step, val_loss,
                  best ? "  (best)" : "");
    if (best) {
        r->best_val_loss = val_loss;
        r->best_step = r->step;
    }
    s->progress.paused += clock_seconds() - before;
    return OK;
}

/* A sample of so many tokens; of none: a look whether the prompt can be read. */
static Status sample(Session *s, int64_t tokens)
{
    const TrainConfig *c = &s->config->train;
    Sampling how = {.sampler = {.temperature = 0.8, .top_p = 1},
                    .tokens = tokens,
                    .seed = (uint64_t)c->seed,
                    .with_prompt = tokens > 0,
                    .stop = s->stop};
    sampling_as_trained(&how, &s->config->data);
    return sample_write(&s->decoder, s->tokenizer, &how, c->sample_prompt, s->run.step, 1,
                        &s->options->out, NULL);
}

/* Shows what the model writes by now. Training goes on whether or not that goes well. */
static void show_sample(Session *s)
{
    const double before = clock_seconds();
    if (!stream_is_read(s->options->out)) return;
    progress_note(&s->progress, "step %lld  a sample:", (long long)s->run.step);
    Status status = sample(s, s->config->train.sample_tokens);
    progress_note(&s->progress, "%s", "");
    s->progress.paused += clock_seconds() - before;
    if (status != OK && status != E_INTERRUPTED) /* the loop sees to that */
        session_tell(s, "no sample", error_message());
}

/* The checkpoint that is due, or only_best. One that fails is tried again after 1, 2, 4, 8 ... updates, until
 * it succeeds. */
static void save(Session *s, bool only_best)
{
    const double before = clock_seconds();
    const Status status = session_save(s, only_best);
    s->progress.paused += clock_seconds() - before;
    if (status != OK) session_tell(s, "save failed", error_message());
    if (only_best) return;
    if (status == OK && s->patience)
        checkpoints_clean(s->checkpoints); /* a failed save may leave a draft */
    s->patience = status == OK ? 0 : s->patience ? 2 * s->patience : 1;
    s->retry = s->run.step + s->patience;
}

/* One update, and what is due after it. */
static Status step(Session *s, int64_t end)
{
    Run *r = &s->run;
    const TrainConfig *c = &s->config->train;
    const double before = clock_seconds();
    bool taken;
    TRY(run_measure(r));
    TRY(spikes_act(s, &taken));
    if (taken) run_update(r);
    s->log.seconds += clock_seconds() - before;
    if (!taken) return OK;
    spikes_warn(s);

    const double elapsed = s->log.seconds - s->logged_seconds,
                 speed = elapsed > 0 ? (double)(r->tokens - s->logged) / elapsed : 0;
    progress_step(&s->progress, r, speed);
    if (is_due(r->step, c->log_every) || r->step == c->steps) {
        logged(s, log_training(&s->log, r, r->step, speed));
        s->logged = r->tokens;
        s->logged_seconds = s->log.seconds;
    }
    if (r->has_val && c->eval_every && (is_due(r->step, c->eval_every) || r->step == c->steps))
        TRY(evaluate(s));

    if (is_due(r->step, c->sample_every)) show_sample(s);

    if (snapshots_step(s) != OK) session_tell(s, "no snapshot", error_message());
    const bool due = r->step == end || *s->stop || is_due(r->step, c->save_every) ||
                     (s->patience && r->step >= s->retry);
    if (due || r->best_step == r->step) save(s, !due);
    return OK;
}

/* The monitor, or a number that is not finite, ends the run. */
static Status stop(Session *s)
{
    char message[4096];
    snprintf(message, sizeof message, "%s", error_message() + strlen(status_text(E_NUMERIC)) + 2);
    if (s->run.monitor.judgement.finding.flag == SPIKE_NONFINITE)
        logged(s, log_training(&s->log, &s->run, s->run.step + 1, NAN));
    if (s->saved < 0) return FAIL(E_NUMERIC, "%s", message);
    return FAIL(E_NUMERIC, "%s; the checkpoint of step %lld in %s/checkpoints is whole", message,
                (long long)s->saved, s->folder);
}

static bool is_saved(const Session *s)
{
    return s->saved == s->run.step && !s->outdated;
}

/* What has been learnt is kept, whatever ends the run: no update was half made. */
static Status leave(Session *s, Status status)
{
    char said[4096];
    snprintf(said, sizeof said, "%s", error_message());
    if (s->run.step && !s->evaluating && !is_saved(s) && session_save(s, false) != OK)
        session_tell(s, "save failed", error_message());
    return error_adopt(status, said);
}

/* Unless it was saved when it was due: then that failed, or nothing was to be done. */
static Status save_last(Session *s)
{
    char said[4096];
    Status status = is_saved(s) ? OK : session_save(s, false);
    while (status == E_IO) {
        snprintf(said, sizeof said, "%s", error_message());
        if (!snapshots_give_up(s)) return error_adopt(status, said);
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
        if (status != OK) return leave(s, status);
    }
    TRY(save_last(s));
    if (*s->stop) {
        char name[32];
        snprintf(name, sizeof name, "SIG%s", sigabbrev_np(*s->stop));
        session_note(s, "signal", name);
        return FAIL(E_INTERRUPTED, "saved step %lld; --resume goes on from there",
                    (long long)r->step);
    }
    return OK;
}

static void greet(Session *s)
{
    const Run *r = &s->run;
    const Config *c = s->config;
    progress_note(&s->progress,
                  "%s: %lld parameters, vocabulary %lld, %lld training tokens; %lld sequences of "
                  "%lld in %lld micro-batches (%lld groups) on %d threads (%s, %s)",
                  s->folder, (long long)r->params.count, (long long)r->dataset.vocab_size,
                  (long long)r->dataset.train.count, (long long)c->train.batch,
                  (long long)c->model.context, (long long)c->train.microbatches,
                  (long long)c->train.groups, threads_count(), model_core(&r->params),
                  precision_text(c->train.precision));
    if (cores_warning()) progress_note(&s->progress, "warning: %s", cores_warning());
    if (!r->step)
        progress_note(&s->progress,
                      "a loss of ln(vocabulary) = %.3f is where an untrained model starts",
                      log((double)r->dataset.vocab_size));
}

/* Who was here before, if it did not end in order. */
static void tell_of_lock(Session *s)
{
    const Lock *l = &s->lock;
    char text[LOCK_TEXT_MAX + 256];
    if (l->missing)
        session_tell(s, "warning",
                     "this file system has no locks: see to it that no other process trains in "
                     "this folder");
    if (!*l->before) return;
    const bool here = lock_is_here(l->before);
    snprintf(text, sizeof text, "process %s did not end in order in this folder%s", l->before,
             here ? ""
                  : "; if it still runs on that host, whose locks then do not reach this one, stop "
                    "one of them");
    if (!here) {
        session_tell(s, "warning", text);
        return;
    }
    progress_note(&s->progress, "%s", text);
    session_note(s, "taken over", text);
}

/* What does not stop the run, and its user should know. */
static void warn_of_start(Session *s)
{
    const Run *r = &s->run;
    char text[256];
    if (*s->core && strcmp(s->core, model_core(&r->params))) {
        snprintf(
            text, sizeof text,
            "this run was on OpenBLAS's %s and is now on %s: it goes on equal to rounding, not "
            "bit for bit",
            s->core, model_core(&r->params));
        fprintf(stderr, "capstan: warning: %s\n", text);
        session_note(s, "warning", text);
    }
    if (r->has_val || !s->config->train.eval_every) return;
    snprintf(text, sizeof text,
             "the held-out split (%lld tokens) is shorter than a window of %lld: no evaluation",
             (long long)r->dataset.val.count, (long long)s->config->model.context + 1);
    session_tell(s, "warning", text);
}

/* Lays a checkpoint into the run. */
static Status lay(Session *s, const CheckpointReader *reader)
{
    Run *r = &s->run;
    const CheckpointInfo *info = &reader->info;
    TRY(checkpoint_check_dataset(reader, &r->dataset));
    if (strcmp(info->dataset, r->dataset.digest) && !s->options->allow_change)
        return FAIL(
            E_CONFIG,
            "%s holds other tokens than the run was trained on; --allow-change goes on anyway",
            s->config->data.path);
    TRY(run_state_lay(r, reader));
    s->saved = r->step;
    snprintf(s->core, sizeof s->core, "%s", info->core);
    return OK;
}

static void ignore(void *context, const char *message)
{
    (void)context; /* train_config() has shown it */
    (void)message;
}

static Status restore(Session *s)
{
    CheckpointReader reader;
    bool found;
    TRY(checkpoints_open_newest(s->checkpoints, &reader, &found,
                                s->options->fallback ? ignore : NULL, NULL));
    if (!found) return OK;
    Config *old = malloc(sizeof *old);
    Status status = old ? lay(s, &reader) : FAIL(E_NOMEM, "a config");
    if (status == OK) status = checkpoint_config(&reader, 0, NULL, old);
    if (status == OK) status = train_differs(old, s->config, &s->outdated);
    free(old);
    checkpoint_close(&reader);
    return status;
}

/* Goes on from another run's checkpoint, as if its updates had been made here. */
static Status branch_off(Session *s)
{
    CheckpointReader reader;
    Status status = checkpoint_open(&reader, s->options->from);
    if (status == OK) status = lay(s, &reader);
    checkpoint_close(&reader);
    s->saved = -1; /* nothing of it is in this folder yet */
    return status;
}

static Status train_in(Session *s)
{
    const TrainOptions *o = s->options;
    const int64_t steps = s->config->train.steps,
                  end = o->stop_after && o->stop_after < steps ? o->stop_after : steps;
    Run *r = &s->run;
    TRY(folder_occupy(s->folder, &s->lock)); /* before what is there is read */
    TRY(run_open(r, s->config));
    if (r->dataset.tokenizer)
        TRY(tokenizer_parse(&r->arena, r->dataset.tokenizer, r->dataset.tokenizer_size,
                            r->dataset.path, &s->tokenizer));
    if (s->config->train.sample_every) {
        TRY(decoder_open(&s->decoder, &r->model, 1));
        TRY(sample(s, 0));
    }
    if (o->resume) TRY(restore(s));
    const bool branches = s->saved < 0 && o->from;
    if (branches) TRY(branch_off(s));
    if (*s->stop) return FAIL(E_INTERRUPTED, "before anything was changed");
    TRY(folder_make(s->folder));
    TRY(folder_occupy(s->folder, &s->lock));
    if (s->saved < 0) TRY(folder_create(s->folder, o->overwrite || o->resume));
    if (branches) TRY(folder_copy_metrics(s->folder, o->from));
    TRY(log_open(&s->log, s->folder, r->step));
    if (s->saved < 0) TRY(folder_write_config(s->folder, s->config));
    checkpoints_clean(s->checkpoints);
    files_clean(s->folder, "config.yaml");
    s->logged = r->tokens;
    s->logged_seconds = s->log.seconds;

    progress_begin(&s->progress, r, end, o->out);
    greet(s);
    tell_of_lock(s);
    warn_of_start(s);
    if (snapshots_begin(s) != OK) session_tell(s, "warning", error_message());
    if (s->saved >= 0) {
        if (checkpoints_settle(s->checkpoints, r->step, r->best_step, s->config->train.keep) != OK)
            session_tell(s, "warning", error_message());
        progress_note(&s->progress, "resumed at step %lld", (long long)r->step);
        if (s->outdated) save(s, false); /* before config.yaml: a run goes on with what it holds */
        if (o->config || o->override_count || o->allow_change)
            TRY(folder_write_config(s->folder, s->config));
        session_note(s, "resumed", "from a checkpoint");
    } else if (s->config->train.save_every) {
        TRY(session_save(s, false));
    }
    if (branches) {
        progress_note(&s->progress, "goes on from %s at step %lld", o->from, (long long)r->step);
        session_note(s, "branched", "from another run's checkpoint");
    }
    if (!r->step && snapshots_step(s) != OK) session_tell(s, "no snapshot", error_message());
    progress_begin(&s->progress, r, end, o->out);
    return loop(s, end);
}

/* The journals as they are to stay; `status` is what training ended with. Metrics that lack lines are a
 * failure, events that do a warning. */
static Status finish_log(Session *s, Status status)
{
    char said[4096];
    snprintf(said, sizeof said, "%s", error_message());
    logged(s, lines_sync(&s->log.events));
    const Status synced = lines_sync(&s->log.metrics);
    if (synced == OK) return status == OK ? OK : error_adopt(status, said);
    if (status == OK) return synced;
    logged(s, synced);
    return error_adopt(status, said);
}

Status train(const TrainOptions *o, const Config *c, bool *began)
{
    char summary[3 * FOLDER_PATH_MAX];
    Session *s = calloc(1, sizeof *s);
    if (!s) return FAIL(E_NOMEM, "a run");
    s->options = o;
    s->config = c;
    s->saved = -1;
    s->stop =
        interrupt_watch("\nfinishing this update, then saving; once more leaves at once\n", true);
    s->lock.file = -1;
    s->log = (RunLog){.metrics.fd = -1, .events.fd = -1};
    threads_set((int)(o->threads ? o->threads : c->train.threads));

    Status status = folder_path(o->folder, o->config, s->folder);
    snprintf(s->checkpoints, sizeof s->checkpoints, "%s/checkpoints", s->folder);
    snprintf(s->snapshots, sizeof s->snapshots, "%s/snapshots", s->folder);
    if (status == OK) status = train_in(s);
    *began = s->progress.out;
    if (*began) status = finish_log(s, status);
    progress_end(&s->progress);
    if (status == OK)
        progress_note(&s->progress,
                      "done: step %lld, %s of training; checkpoints in %s/checkpoints",
                      (long long)s->run.step, duration_text(s->log.seconds), s->folder);
    if (s->run.config && *spikes_summary(s, summary, sizeof summary))
        progress_note(&s->progress, "%s", summary);
    decoder_close(&s->decoder);
    log_close(&s->log);
    run_close(&s->run);
    lock_drop(&s->lock);
    fflush(o->out);
    clearerr(o->out); /* progress that nobody reads any more is no fault */
    free(s);
    return status;
}

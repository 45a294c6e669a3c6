#include "train/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/checkpoint/checkpoints.h"
#include "train/run/run_state.h"
#include "train/support/clock.h"

void session_begin_progress(Session *s, int64_t end)
{
    progress_begin(&s->progress, &s->run, s->log.seconds, end, s->options->out);
}

void session_show_step(Session *s)
{
    progress_step(&s->progress, &s->run, s->log.seconds);
}

void session_print(Session *s, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    progress_note(&s->progress, "%s", text);
}

Status session_sample(Session *s, int64_t tokens)
{
    const TrainConfig *c = &s->config->train;
    Sampling how = {.sampler = {.temperature = 0.8, .top_p = 1},
                    .tokens = tokens,
                    .seed = (uint64_t)c->seed,
                    .with_prompt = tokens > 0,
                    .stop = s->stop};
    how.form = prompt_form(&s->config->data);
    return sample_write(&s->decoder, s->tokenizer, &how, c->sample_prompt, s->run.step, 1,
                        &s->options->out, NULL);
}

/* A line of a log that cannot be written yet is no more than a warning. */
static void warn_unless_logged(Session *s, Status status)
{
    if (status != OK) session_print(s, "warning: %s", error_message());
}

void session_event(Session *s, const char *kind, const char *text)
{
    warn_unless_logged(s, metrics_log_event(&s->log, &s->run, kind, text));
}

void session_warn(Session *s, const char *kind, const char *text)
{
    char message[4096];
    snprintf(message, sizeof message, "%s", text);
    session_print(s, "warning: %s", message);
    session_event(s, kind, message);
}

void session_warn_stderr(Session *s, const char *kind, const char *text)
{
    fprintf(stderr, "capstan: warning: %s\n", text);
    session_event(s, kind, text);
}

void session_spike(Session *s, const Judgement *j, const char *kind, const char *message,
                   const char *bundle)
{
    session_print(s, "%s: %s", kind, message);
    warn_unless_logged(s, metrics_log_spike(&s->log, j, kind, message, bundle));
}

void session_unusual(Session *s, const Judgement *j)
{
    warn_unless_logged(s, metrics_log_spike(&s->log, j, "unusual", j->message, ""));
}

void session_log_training(Session *s, int64_t step, double tokens_per_second)
{
    warn_unless_logged(s, metrics_log_training(&s->log, &s->run, step, tokens_per_second));
}

void session_log_evaluation(Session *s, double val_loss)
{
    warn_unless_logged(s, metrics_log_evaluation(&s->log, &s->run, val_loss));
}

void session_log_rewind(Session *s)
{
    if (metrics_log_rewind(&s->log, s->run.step) != OK) session_warn(s, "warning", error_message());
}

static Status save_state(Session *s, const RunState *state, bool only_best)
{
    const Run *r = &s->run;
    const Checkpoint *c = &state->checkpoint;
    if (metrics_log_sync(&s->log) == E_IO)
        warn_unless_logged(s, E_IO); /* saving the model matters more than its log */
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
    if (status == OK && !only_best) /* now it is on disk */
        session_print(s, "step %lld  saved", (long long)s->run.step);
    return status;
}

Status session_save_snapshot(Session *s)
{
    char path[CHECKPOINT_PATH_MAX];
    TRY(file_make_own_folder(s->snapshots));
    return run_state_save(&s->run, checkpoints_path(s->snapshots, s->run.step, path));
}

void session_clean_snapshots(Session *s)
{
    checkpoints_clean(s->snapshots);
}

Status session_remove(Session *s, const char *path)
{
    (void)s;
    return file_remove(path);
}

Status session_prune(Session *s, const char *folder, int64_t newest, int64_t keep)
{
    Arena a = {0};
    int64_t *steps, count, past = 0;
    char path[CHECKPOINT_PATH_MAX];
    Status status = checkpoints_list(folder, &a, &steps, &count);
    while (status == OK && past < count && steps[past] <= newest) past++;
    for (int64_t i = 0; status == OK && i < count; i++)
        if (i >= past || (keep >= 0 && i < past - keep))
            status = session_remove(s, checkpoints_path(folder, steps[i], path));
    arena_free(&a);
    return status;
}

Status session_open_bundle(Session *s, Bundle *b)
{
    char path[BUNDLE_PATH_MAX];
    snprintf(path, sizeof path, "%s/spikes", s->folder);
    TRY(file_make_own_folder(path));
    bundle_path(s->folder, s->run.monitor.judgement.batch_index, b->folder);
    TRY(file_make_own_folder(b->folder));
    files_clean(b->folder, ""); /* drafts of a run that was killed here */
    return OK;
}

Status session_write_bundle(Session *s, Bundle *b, const char *before)
{
    char path[BUNDLE_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/before.h5", b->folder);
    if (*before) TRY(file_alias(before, path));
    snprintf(path, sizeof path, "%s/at.h5", b->folder);
    TRY(run_state_save(&s->run, path));
    return bundle_write(b);
}

void session_discard_bundle(Session *s, const Bundle *b)
{
    static const char *const names[] = {"before.h5", "at.h5"};
    char path[BUNDLE_PATH_MAX + 16];
    if (!*b->folder || bundle_is_there(b->folder)) return;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", b->folder, names[i]);
        if (session_remove(s, path) != OK) return;
    }
    file_calls->rmdir(b->folder);
}

Status session_lock(Session *s)
{
    return folder_lock(s->folder, &s->lock);
}

Status session_open_folder(Session *s, bool branches)
{
    const TrainOptions *o = s->options;
    TRY(folder_make(s->folder));
    TRY(session_lock(s));
    if (s->saved < 0) TRY(folder_prepare(s->folder, o->overwrite || o->resume));
    if (branches) TRY(folder_copy_metrics(s->folder, o->from));
    TRY(metrics_log_open(&s->log, s->folder, s->run.step));
    if (s->saved < 0) TRY(folder_write_config(s->folder, s->config));
    checkpoints_clean(s->checkpoints);
    files_clean(s->folder, "config.yaml");
    return OK;
}

Status session_write_config(Session *s)
{
    return folder_write_config(s->folder, s->config);
}

void session_finish_save(Session *s)
{
    const Run *r = &s->run;
    if (checkpoints_finish_save(s->checkpoints, r->step, r->best_step, s->config->train.keep) != OK)
        session_warn(s, "warning", error_message());
}

Status session_finish(Session *s, Status status)
{
    char message[4096];
    snprintf(message, sizeof message, "%s", error_message());
    warn_unless_logged(s, append_file_sync(&s->log.events));
    const Status synced = append_file_sync(&s->log.metrics);
    if (synced == OK) return status == OK ? OK : error_adopt(status, message);
    if (status == OK) return synced;
    warn_unless_logged(s, synced);
    return error_adopt(status, message);
}

void session_save_due(Session *s, bool only_best)
{
    const double before = clock_seconds();
    const Status status = session_save(s, only_best);
    s->progress.paused += clock_seconds() - before;
    if (status != OK) session_warn(s, "save failed", error_message());
    if (only_best) return;
    if (status == OK && s->retry_delay)
        checkpoints_clean(s->checkpoints); /* a failed save may leave a draft */
    s->retry_delay = status == OK ? 0 : s->retry_delay ? 2 * s->retry_delay : 1;
    s->retry_step = s->run.step + s->retry_delay;
}

void session_close(Session *s)
{
    FILE *out = s->options->out;
    metrics_log_close(&s->log);
    lock_drop(&s->lock);
    fflush(out);
    clearerr(out); /* it is no error if nobody reads the progress any more */
}

#include "train/session.h"

#include <stdarg.h>
#include <string.h>

#include "data/files.h"
#include "train/checkpoint/checkpoints.h"
#include "train/run/run_state.h"
#include "train/support/clock.h"

void session_print(Session *s, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    progress_note(&s->progress, "%s", text);
}

/* A line of a journal may have to wait: a warning. */
static void logged(Session *s, Status status)
{
    if (status != OK) session_print(s, "warning: %s", error_message());
}

void session_event(Session *s, const char *kind, const char *text)
{
    logged(s, log_event(&s->log, &s->run, kind, text));
}

void session_warn(Session *s, const char *kind, const char *text)
{
    char message[4096];
    snprintf(message, sizeof message, "%s", text);
    session_print(s, "warning: %s", message);
    session_event(s, kind, message);
}

void session_spike(Session *s, const Judgement *j, const char *kind, const char *message,
                   const char *bundle)
{
    session_print(s, "%s: %s", kind, message);
    logged(s, log_spike(&s->log, j, kind, message, bundle));
}

void session_log_training(Session *s, int64_t step, double tokens_per_second)
{
    logged(s, log_training(&s->log, &s->run, step, tokens_per_second));
}

void session_log_evaluation(Session *s, double val_loss)
{
    logged(s, log_evaluation(&s->log, &s->run, val_loss));
}

void session_log_rewind(Session *s)
{
    if (log_rewind(&s->log, s->run.step) != OK) session_warn(s, "warning", error_message());
}

static Status save_state(Session *s, const RunState *state, bool only_best)
{
    const Run *r = &s->run;
    const Checkpoint *c = &state->checkpoint;
    if (log_sync(&s->log) == E_IO) logged(s, E_IO); /* saving the model matters more than its log */
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

Status session_save_state(Session *s, const char *path)
{
    return run_state_save(&s->run, path);
}

Status session_open_folder(Session *s, bool branches)
{
    const TrainOptions *o = s->options;
    TRY(folder_make(s->folder));
    TRY(folder_occupy(s->folder, &s->lock));
    if (s->saved < 0) TRY(folder_create(s->folder, o->overwrite || o->resume));
    if (branches) TRY(folder_copy_metrics(s->folder, o->from));
    TRY(log_open(&s->log, s->folder, s->run.step));
    if (s->saved < 0) TRY(folder_write_config(s->folder, s->config));
    checkpoints_clean(s->checkpoints);
    files_clean(s->folder, "config.yaml");
    return OK;
}

Status session_write_config(Session *s)
{
    return folder_write_config(s->folder, s->config);
}

void session_settle(Session *s)
{
    const Run *r = &s->run;
    if (checkpoints_settle(s->checkpoints, r->step, r->best_step, s->config->train.keep) != OK)
        session_warn(s, "warning", error_message());
}

Status session_finish(Session *s, Status status)
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

void session_save_due(Session *s, bool only_best)
{
    const double before = clock_seconds();
    const Status status = session_save(s, only_best);
    s->progress.paused += clock_seconds() - before;
    if (status != OK) session_warn(s, "save failed", error_message());
    if (only_best) return;
    if (status == OK && s->patience)
        checkpoints_clean(s->checkpoints); /* a failed save may leave a draft */
    s->patience = status == OK ? 0 : s->patience ? 2 * s->patience : 1;
    s->retry = s->run.step + s->patience;
}

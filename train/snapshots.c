#include "train/snapshots.h"

#include <string.h>

#include "train/checkpoint/checkpoints.h"
#include "train/run/run_state.h"

Status snapshots_begin(Session *s)
{
    session_clean_snapshots(s);
    return session_prune(s, s->snapshots, s->saved < 0 ? -1 : s->run.step,
                         s->config->monitor.snapshots);
}

Status snapshots_step(Session *s)
{
    const MonitorConfig *c = &s->config->monitor;
    const int64_t every = monitor_snapshot_every(c), step = s->run.step;
    if (c->action == ACTION_off || !every || step % every) return OK;
    TRY(session_save_snapshot(s));
    return session_prune(s, s->snapshots, step, c->snapshots);
}

bool snapshots_remove_oldest(Session *s)
{
    Arena a = {0};
    int64_t *steps, count;
    char path[CHECKPOINT_PATH_MAX], text[128];
    bool removed = checkpoints_list(s->snapshots, &a, &steps, &count) == OK && count &&
                   (count > 1 || steps[0] <= s->saved) &&
                   session_remove(s, checkpoints_path(s->snapshots, steps[0], path)) == OK;
    if (removed) {
        snprintf(text, sizeof text, "the snapshot of step %lld makes room for the last save",
                 (long long)steps[0]);
        session_warn(s, "snapshot removed", text);
    }
    arena_free(&a);
    return removed;
}

/* The newest checkpoint of a folder that is not past `step`, or the oldest; -1: there is none.
 * *early: it is not past `step`. */
static Status find_newest(const char *folder, int64_t step, int64_t *found, bool *early)
{
    Arena a = {0};
    int64_t *steps, count;
    Status status = checkpoints_list(folder, &a, &steps, &count);
    *found = -1;
    *early = false;
    for (int64_t i = 0; status == OK && i < count && (!i || steps[i] <= step); i++) {
        *found = steps[i];
        *early = steps[i] <= step;
    }
    arena_free(&a);
    return status;
}

Status snapshots_before(Session *s, int64_t *step, char path[CHECKPOINT_PATH_MAX])
{
    const int64_t wanted = s->run.step + 1 - s->config->monitor.rewind_steps;
    int64_t snapshot, checkpoint;
    bool snapshot_early, checkpoint_early;
    TRY(find_newest(s->snapshots, wanted, &snapshot, &snapshot_early));
    TRY(find_newest(s->checkpoints, wanted, &checkpoint, &checkpoint_early));
    const bool use_snapshot =
        checkpoint < 0 || snapshot_early > checkpoint_early ||
        (snapshot >= 0 && snapshot_early == checkpoint_early && snapshot >= checkpoint);
    *step = use_snapshot ? snapshot : checkpoint;
    *path = '\0';
    if (*step >= 0) checkpoints_path(use_snapshot ? s->snapshots : s->checkpoints, *step, path);
    return OK;
}

/* Rewinds to one file. *done: whether it could be used. */
static void try_file(Session *s, const char *folder, int64_t step, bool *done)
{
    char path[CHECKPOINT_PATH_MAX];
    CheckpointReader reader;
    Status status = checkpoint_open(&reader, checkpoints_path(folder, step, path));
    if (status == OK) status = run_state_rewind(&s->run, &reader);
    checkpoint_close(&reader);
    *done = status == OK;
    if (!*done) session_warn(s, "warning", error_message());
}

/* Tries the files of a folder whose steps are at least `oldest`: from the wanted step backwards,
 * then forwards. Damaged ones are skipped, with a warning. */
static void try_folder(Session *s, const char *folder, int64_t oldest, bool *done)
{
    Arena a = {0};
    int64_t *steps, count, after = 0; /* index of the first one past `wanted` */
    const int64_t now = s->run.step, wanted = now + 1 - s->config->monitor.rewind_steps;
    if (checkpoints_list(folder, &a, &steps, &count) != OK) {
        session_warn(s, "warning", error_message());
        count = 0;
    }
    while (after < count && steps[after] <= wanted) after++;
    for (int64_t i = after; i-- > 0 && steps[i] >= oldest && !*done;)
        try_file(s, folder, steps[i], done);
    for (int64_t i = after; i < count && steps[i] <= now && !*done; i++)
        if (steps[i] >= oldest) try_file(s, folder, steps[i], done);
    arena_free(&a);
}

void snapshots_rewind(Session *s, bool *done)
{
    const MonitorConfig *c = &s->config->monitor;
    const int64_t reach = c->snapshots * monitor_snapshot_every(c);
    *done = false;
    try_folder(s, s->snapshots, 0, done);
    if (!*done) try_folder(s, s->checkpoints, s->run.step - reach, done);
}

/* A kill at any point of this does not change the result of a resumed run: if checkpoints of undone
 * steps are left, they lead to the same spike again. */
void snapshots_finish_rewind(Session *s)
{
    const int64_t step = s->run.step;
    Status saved = OK;
    s->logged_tokens = s->run.tokens;
    s->logged_seconds = s->log.seconds;
    if (s->config->train.save_every || s->saved >= 0) {
        saved = session_save(s, false);
        if (saved == OK) saved = session_prune(s, s->checkpoints, step, -1);
    }
    if (saved != OK) {
        session_warn(s, "save failed", error_message());
        s->outdated = true;
        s->retry_delay = 1;
        s->retry_step = step + 1;
    }
    if (session_prune(s, s->snapshots, step, -1) != OK) session_warn(s, "warning", error_message());
    session_log_rewind(s);
}

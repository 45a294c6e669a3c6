#include "train/snapshots.h"

#include <string.h>

#include "data/files.h"
#include "train/checkpoint/checkpoints.h"
#include "train/run/run_state.h"

/* Removes the files of steps past `newest`, and the oldest of the others but `keep` (-1: none). */
static Status prune(const char *folder, int64_t newest, int64_t keep)
{
    Arena a = {0};
    int64_t *steps, count, past = 0;
    char path[CHECKPOINT_PATH_MAX];
    Status status = checkpoints_list(folder, &a, &steps, &count);
    while (status == OK && past < count && steps[past] <= newest) past++;
    for (int64_t i = 0; status == OK && i < count; i++)
        if (i >= past || (keep >= 0 && i < past - keep))
            status = file_remove(checkpoints_path(folder, steps[i], path));
    arena_free(&a);
    return status;
}

Status snapshots_begin(Session *s)
{
    checkpoints_clean(s->snapshots);
    return prune(s->snapshots, s->saved < 0 ? -1 : s->run.step, -1);
}

Status snapshots_step(Session *s)
{
    const MonitorConfig *c = &s->config->monitor;
    const int64_t every = monitor_snapshot_every(c), step = s->run.step;
    char path[CHECKPOINT_PATH_MAX];
    if (c->action == ACTION_off || !every || step % every) return OK;
    TRY(file_make_own_folder(s->snapshots));
    TRY(session_save_state(s, checkpoints_path(s->snapshots, step, path)));
    return prune(s->snapshots, step, c->snapshots);
}

bool snapshots_give_up(Session *s)
{
    Arena a = {0};
    int64_t *steps, count;
    char path[CHECKPOINT_PATH_MAX], text[128];
    bool given = checkpoints_list(s->snapshots, &a, &steps, &count) == OK && count &&
                 (count > 1 || steps[0] <= s->saved) &&
                 file_remove(checkpoints_path(s->snapshots, steps[0], path)) == OK;
    if (given) {
        snprintf(text, sizeof text, "the snapshot of step %lld makes room for the last save",
                 (long long)steps[0]);
        session_warn(s, "snapshot removed", text);
    }
    arena_free(&a);
    return given;
}

/* The newest of a folder that is not past `step`; else the oldest; -1: none. */
static Status newest(const char *folder, int64_t step, int64_t *found, bool *is_far)
{
    Arena a = {0};
    int64_t *steps, count;
    Status status = checkpoints_list(folder, &a, &steps, &count);
    *found = -1;
    *is_far = false;
    for (int64_t i = 0; status == OK && i < count && (!i || steps[i] <= step); i++) {
        *found = steps[i];
        *is_far = steps[i] <= step;
    }
    arena_free(&a);
    return status;
}

Status snapshots_before(Session *s, int64_t *step, char path[CHECKPOINT_PATH_MAX])
{
    const int64_t wanted = s->run.step + 1 - s->config->monitor.rewind_steps;
    int64_t snapshot, checkpoint;
    bool far, away;
    TRY(newest(s->snapshots, wanted, &snapshot, &far));
    TRY(newest(s->checkpoints, wanted, &checkpoint, &away));
    const bool take =
        checkpoint < 0 || far > away || (snapshot >= 0 && far == away && snapshot >= checkpoint);
    *step = take ? snapshot : checkpoint;
    if (*step >= 0) checkpoints_path(take ? s->snapshots : s->checkpoints, *step, path);
    return OK;
}

/* One file to go back to; *done: it could be used. */
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

/* Those of a folder from `oldest` on: from the wanted place backwards, then forwards. What is damaged is
 * passed over. */
static void try_folder(Session *s, const char *folder, int64_t oldest, bool *done)
{
    Arena a = {0};
    int64_t *steps, count, far = 0;
    const int64_t now = s->run.step, wanted = now + 1 - s->config->monitor.rewind_steps;
    if (checkpoints_list(folder, &a, &steps, &count) != OK) {
        session_warn(s, "warning", error_message());
        count = 0;
    }
    while (far < count && steps[far] <= wanted) far++;
    for (int64_t i = far; i-- > 0 && steps[i] >= oldest && !*done;)
        try_file(s, folder, steps[i], done);
    for (int64_t i = far; i < count && steps[i] <= now && !*done; i++)
        if (steps[i] >= oldest) try_file(s, folder, steps[i], done);
    arena_free(&a);
}

void rewind_run(Session *s, bool *done)
{
    const MonitorConfig *c = &s->config->monitor;
    const int64_t reach = c->snapshots * monitor_snapshot_every(c);
    *done = false;
    try_folder(s, s->snapshots, 0, done);
    if (!*done) try_folder(s, s->checkpoints, s->run.step - reach, done);
}

/* Whatever a kill leaves of this, a resumed run comes to the same end: checkpoints of undone updates, if they
 * are still there, lead to the spike again. */
void rewind_settle(Session *s)
{
    const int64_t step = s->run.step;
    Status saved = OK;
    s->logged = s->run.tokens;
    s->logged_seconds = s->log.seconds;
    if (s->config->train.save_every || s->saved >= 0) {
        saved = session_save(s, false);
        if (saved == OK) saved = prune(s->checkpoints, step, -1);
    }
    if (saved != OK) {
        session_warn(s, "save failed", error_message());
        s->outdated = true;
        s->patience = 1;
        s->retry = step + 1;
    }
    if (prune(s->snapshots, step, -1) != OK) session_warn(s, "warning", error_message());
    session_log_rewind(s);
}

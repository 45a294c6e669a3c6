/* Starts the child of a run, handles its end, and records the result in the store. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "train/checkpoint/checkpoints.h"
#include "train/sweep/worker.h"

enum { DEATHS_MAX = 3, REASON_SIZE = 1024 };

Status worker_check(const SweepWorker *w, const Sweep *now)
{
    bool same = now->count >= w->grid.count;
    for (int64_t i = 0; same && i < w->grid.count; i++)
        same = !strcmp(now->runs[i].id, w->grid.cells[i].run.id);
    if (same) return OK;
    return FAIL(E_CONFIG, "another worker has extended the sweep in %s", now->folder);
}

static Status change(SweepWorker *w, int64_t cell, SweepState state, const char *reason,
                     const RunResults *results)
{
    Sweep now;
    Status status = sweep_store_read(w->sweep.folder, &now);
    if (status == OK) status = worker_check(w, &now);
    if (status == OK) {
        SweepRun *r = &now.runs[cell];
        char *text = arena_text(&now.arena, reason);
        r->state = state;
        r->reason = text;
        if (results) {
            r->tokens = results->tokens;
            r->flops = r->flops_per_token * (double)r->tokens;
            r->loss = results->loss;
        }
        status = text ? sweep_store_write(&now) : FAIL(E_NOMEM, "%s", reason);
    }
    if (status == OK) {
        sweep_close(&w->sweep);
        w->sweep = now;
    } else {
        sweep_close(&now);
    }
    return status;
}

Status worker_record(SweepWorker *w, int64_t cell, SweepState state, const char *reason,
                     const RunResults *results)
{
    int lock;
    TRY(sweep_lock(w->sweep.folder, &lock));
    Status status = change(w, cell, state, reason, results);
    sweep_unlock(lock);
    return status;
}

/* The step of a run's newest checkpoint; -1: it has none. */
static Status newest(const Sweep *s, const SweepRun *r, int64_t *step)
{
    char folder[SWEEP_PATH_MAX];
    Arena a = {0};
    int64_t *steps, count;
    Status status =
        checkpoints_list(sweep_run_path(s, r, "checkpoints", folder), &a, &steps, &count);
    *step = status == OK && count ? steps[count - 1] : -1;
    arena_free(&a);
    return status;
}

/* Gives branches the checkpoints that the trunk has reached. *stop: the next step at which to stop;
 * 0: none. */
static Status serve_branches(SweepWorker *w, int64_t trunk, int64_t *stop)
{
    const Cell *cells = w->grid.cells;
    int64_t step;
    *stop = 0;
    TRY(newest(&w->sweep, &cells[trunk].run, &step));
    for (int64_t i = 0; i < w->grid.count; i++) {
        const Cell *b = &cells[i];
        if (b->trunk != trunk || sweep_state_is_over(w->sweep.runs[i].state)) continue;
        if (trunk_is_ready(&w->sweep, b)) continue;
        if (b->branch <= step)
            TRY(trunk_give(&w->sweep, &cells[trunk], b));
        else if (!*stop || b->branch < *stop)
            *stop = b->branch;
    }
    return OK;
}

Status worker_start(SweepWorker *w, Child *c)
{
    char from[SWEEP_PATH_MAX];
    const Cell *cell = &w->grid.cells[c->cell];
    TRY(serve_branches(w, c->cell, &c->stop_after));
    const bool branches = cell->trunk >= 0 && trunk_is_ready(&w->sweep, cell);
    const ChildTask task = {.cell = cell,
                            .from = branches ? trunk_start(&w->sweep, cell, from) : NULL,
                            .stop_after = c->stop_after,
                            .threads = c->threads,
                            .claim = &c->claim};
    return child_start(&w->sweep, &task, &c->pid);
}

/* Records the state of a run that has ended or is given up, and frees its child. */
static Status leave(SweepWorker *w, Child *c, SweepState state, const char *reason)
{
    const int64_t cell = c->cell;
    Status status =
        worker_record(w, cell, state, reason, sweep_state_is_over(state) ? &c->seen : NULL);
    if (status == OK && w->grid.cells[cell].trunk >= 0 && sweep_state_is_over(state))
        trunk_forget(&w->sweep, &w->grid.cells[cell]);
    lock_drop(&c->claim);
    *c = (Child){.claim.file = -1};
    if (status == OK && sweep_state_is_over(state)) show_end(w, cell);
    return status;
}

/* A run whose loss is far above that of an untrained model counts as diverged. */
static Status finish(SweepWorker *w, Child *c)
{
    char reason[REASON_SIZE];
    const double untrained = log((double)w->grid.cells[c->cell].vocab_size);
    if (!isfinite(c->seen.loss))
        return leave(w, c, SWEEP_diverged, "the validation loss is not finite");
    if (c->seen.loss <= untrained + 1) return leave(w, c, SWEEP_done, "");
    snprintf(reason, sizeof reason,
             "the validation loss, %.4g, is far above an untrained model's, %.4g", c->seen.loss,
             untrained);
    return leave(w, c, SWEEP_diverged, reason);
}

/* The child ended normally: at a stop for a branch, or at the end of the run. */
static Status ended_normally(SweepWorker *w, Child *c)
{
    const SweepRun *r = &w->grid.cells[c->cell].run;
    int64_t stop;
    TRY(serve_branches(w, c->cell, &stop));
    if (c->seen.loss_step == r->steps && c->seen.step == r->steps) return finish(w, c);
    if (!c->stop_after || c->seen.step > c->stop_after)
        return leave(w, c, SWEEP_failed,
                     "it ended normally, but metrics.jsonl has no validation loss");
    return w->is_stopping ? leave(w, c, SWEEP_planned, "") : worker_start(w, c);
}

Status worker_ended(SweepWorker *w, Child *c, int status)
{
    char folder[SWEEP_PATH_MAX], reason[REASON_SIZE];
    const SweepRun *r = &w->grid.cells[c->cell].run;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    c->pid = 0;
    TRY(results_read(sweep_run_path(&w->sweep, r, "", folder), &c->seen));
    estimate_note(&w->estimate, w->grid.cells, c->cell, c->seen.step, c->seen.seconds);
    if (code == 0) return ended_normally(w, c);
    if (w->is_stopping && (code == 130 || code < 0)) return leave(w, c, SWEEP_planned, "");
    if (code == 4)
        return leave(w, c, SWEEP_diverged, child_reason(&w->sweep, r, reason, sizeof reason));
    if (code == 130 || code < 0) { /* stopped or killed from outside: its checkpoints are intact */
        if (c->deaths++ < DEATHS_MAX) return worker_start(w, c);
        snprintf(reason, sizeof reason,
                 "it was stopped or killed repeatedly; is there enough memory?");
        return leave(w, c, SWEEP_failed, reason);
    }
    return leave(w, c, SWEEP_failed, child_reason(&w->sweep, r, reason, sizeof reason));
}

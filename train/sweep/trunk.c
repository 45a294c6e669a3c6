#include "train/sweep/trunk.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/files.h"
#include "optim/schedule.h"
#include "train/checkpoint/checkpoints.h"

enum { WORTH = 4 }; /* a run branches off only if it shares at least 1/WORTH of its steps */

/* The number of first steps that a cell shares with the trunk; 0: none. (A rewind would need the
 * trunk's snapshots as well.) */
static int64_t common(const Cell *trunk, const Cell *cell)
{
    if (cell->start != trunk->start || cell->config->monitor.action == ACTION_rewind) return 0;
    const int64_t steps = cell->run.steps - 1; /* the last step and its evaluation are its own */
    const int64_t shared = schedule_parting(&cell->config->optim, &trunk->config->optim, steps) - 1;
    return shared * WORTH >= cell->run.steps ? shared : 0;
}

void trunk_find(Cell *cells, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t best = -1;
        for (int64_t j = 0; j < count; j++)
            if (cells[j].start == cells[i].start &&
                (best < 0 || cells[j].run.steps > cells[best].run.steps))
                best = j;
        if (best == i || cells[best].run.steps == cells[i].run.steps) continue;
        cells[i].branch = common(&cells[best], &cells[i]);
        if (cells[i].branch > 0) cells[i].trunk = best;
    }
}

TrunkSaving trunk_saving(const Cell *cells, int64_t count)
{
    TrunkSaving s = {.branches = 0};
    for (int64_t i = 0; i < count; i++) {
        const Cell *c = &cells[i];
        s.steps += c->run.steps;
        s.flops += c->run.flops;
        if (c->trunk < 0) continue;
        s.branches++;
        s.saved_steps += c->branch;
        s.saved_flops += c->run.flops * (double)c->branch / (double)c->run.steps;
    }
    return s;
}

static char *start_folder(const Sweep *s, const Cell *branch, const char *name,
                          char out[SWEEP_PATH_MAX])
{
    return sweep_run_path(s, &branch->run, name, out);
}

char *trunk_start(const Sweep *s, const Cell *branch, char out[SWEEP_PATH_MAX])
{
    char folder[SWEEP_PATH_MAX], path[CHECKPOINT_PATH_MAX];
    checkpoints_path(start_folder(s, branch, "start/checkpoints", folder), branch->branch, path);
    INVARIANT(strlen(path) < SWEEP_PATH_MAX);
    return strcpy(out, path);
}

bool trunk_is_ready(const Sweep *s, const Cell *branch)
{
    char path[SWEEP_PATH_MAX];
    return !access(trunk_start(s, branch, path), F_OK);
}

Status trunk_give(const Sweep *s, const Cell *trunk, const Cell *branch)
{
    char folder[SWEEP_PATH_MAX], from[CHECKPOINT_PATH_MAX], to[SWEEP_PATH_MAX];
    checkpoints_path(sweep_run_path(s, &trunk->run, "checkpoints", folder), branch->branch, from);
    if (access(from, F_OK)) return OK;
    TRY(file_make_own_folder(sweep_run_path(s, &branch->run, "", folder)));
    TRY(file_make_own_folder(start_folder(s, branch, "start", folder)));
    TRY(file_make_own_folder(start_folder(s, branch, "start/checkpoints", folder)));
    TRY(file_copy(sweep_run_path(s, &trunk->run, "metrics.jsonl", folder),
                  start_folder(s, branch, "start/metrics.jsonl", to)));
    return file_alias(from, trunk_start(s, branch, to)); /* last: now it is ready */
}

void trunk_forget(const Sweep *s, const Cell *branch)
{
    char path[SWEEP_PATH_MAX];
    file_calls->unlink(trunk_start(s, branch, path));
    file_calls->unlink(start_folder(s, branch, "start/metrics.jsonl", path));
    file_calls->rmdir(start_folder(s, branch, "start/checkpoints", path));
    file_calls->rmdir(start_folder(s, branch, "start", path));
}

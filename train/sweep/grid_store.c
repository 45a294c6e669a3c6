/* Creates the store of a grid, or opens and compares an existing one. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/files.h"
#include "train/sweep/worker.h"

/* Writes a store of the grid's cells, with the results in `old` (NULL: none). */
static Status write_store(const SweepGrid *g, const char *folder, const Sweep *old, bool retry)
{
    Sweep s = {.config = g->definition, .count = g->count};
    snprintf(s.folder, sizeof s.folder, "%s", folder);
    snprintf(s.flops, sizeof s.flops, "%s", g->spec.flops);
    s.runs = arena_zero(&s.arena, (g->count + 1) * (int64_t)sizeof *s.runs);
    if (!s.runs) return FAIL(E_NOMEM, "%lld runs", (long long)g->count);
    for (int64_t i = 0; i < g->count; i++) {
        s.runs[i] = g->cells[i].run;
        for (int64_t j = 0; old && j < old->count; j++) {
            const SweepRun *before = &old->runs[j];
            if (strcmp(before->id, s.runs[i].id)) continue;
            if (retry && before->state == SWEEP_failed) break;
            const SweepRun cell = s.runs[i];
            s.runs[i] = *before;
            s.runs[i].held_out = cell.held_out;
            s.runs[i].extra = cell.extra;
            s.runs[i].budget = cell.budget;
            s.runs[i].overrides = cell.overrides;
        }
    }
    Status status = sweep_store_write(&s);
    sweep_close(&s);
    return status;
}

static bool holds(const SweepGrid *g, const SweepRun *r)
{
    for (int64_t i = 0; i < g->count; i++)
        if (!strcmp(g->cells[i].run.id, r->id)) return true;
    return false;
}

/* Checks that the store is of this grid or, with --extend, of a part of it. */
static Status check_same(const SweepOptions *o, const SweepGrid *g, const Sweep *s)
{
    char diff[2500];
    int64_t lost = 0;
    for (int64_t i = 0; i < s->count; i++) lost += !s->runs[i].extra && !holds(g, &s->runs[i]);
    grid_compare(s->config, g->definition, diff, sizeof diff);
    if (!*diff && !lost) return OK;
    if (lost)
        return FAIL(E_CONFIG,
                    "%lld of the %lld runs of the sweep in %s are not in this grid; --output DIR "
                    "starts another sweep:%s",
                    (long long)lost, (long long)s->count, s->folder,
                    *diff ? diff : "\n  this version of capstan has other settings");
    if (o->extend) return OK;
    return FAIL(
        E_CONFIG,
        "the sweep in %s was started with another config; --extend resumes it with this one, "
        "which includes all of its runs; --output DIR starts another sweep:%s",
        s->folder, diff);
}

static int64_t failed(const Sweep *s)
{
    int64_t count = 0;
    for (int64_t i = 0; i < s->count; i++) count += s->runs[i].state == SWEEP_failed;
    return count;
}

static bool all_over(const Sweep *s, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!sweep_state_is_over(s->runs[i].state)) return false;
    return true;
}

/* Adds the runs of best_seeds to the grid if the store has them. */
static Status take_seeds(SweepGrid *g, const Sweep *s)
{
    if (s->count == g->count) return OK;
    if (all_over(s, g->count)) TRY(grid_add_seeds(g, s));
    bool same = s->count == g->count;
    for (int64_t i = 0; same && i < s->count; i++)
        same = !strcmp(s->runs[i].id, g->cells[i].run.id);
    if (same) return OK;
    return FAIL(E_DATA, "%s/sweep.h5 does not hold the runs of its own grid", s->folder);
}

static bool has(const Sweep *s, const char *id)
{
    for (int64_t i = 0; i < s->count; i++)
        if (!strcmp(s->runs[i].id, id)) return true;
    return false;
}

/* Cells of a sweep of version 0.1 keep their ids, which name their folders. */
static Status keep_old_ids(SweepGrid *g, const Sweep *s)
{
    char id[SWEEP_ID + 1];
    for (int64_t i = 0; i < g->count; i++) {
        Cell *cell = &g->cells[i];
        const int64_t all = cell->config->train.microbatches;
        if (has(s, cell->run.id) || cell->config->train.groups != all) continue;
        for (int64_t accumulate = 1; accumulate <= all; accumulate++) {
            if (all % accumulate) continue;
            TRY(cell_old_id(cell, accumulate, id));
            if (has(s, id)) strcpy(cell->run.id, id);
        }
    }
    return OK;
}

Status grid_store_open(const SweepOptions *o, SweepGrid *g, const char *folder, Sweep *s)
{
    *s = (Sweep){.count = 0};
    if (!sweep_is_store(folder)) {
        TRY(write_store(g, folder, NULL, false));
        return sweep_store_read(folder, s);
    }
    TRY(sweep_store_read(folder, s));
    TRY(keep_old_ids(g, s));
    TRY(check_same(o, g, s));
    const bool changed = strcmp(s->config, g->definition) != 0;
    if (!changed && !(o->retry && failed(s))) return take_seeds(g, s);
    Status status = write_store(g, folder, s, o->retry);
    sweep_close(s);
    TRY(status);
    return sweep_store_read(folder, s);
}

Status grid_store_add_seeds(SweepGrid *g, Sweep *s, int64_t *added)
{
    const int64_t before = g->count;
    if (s->count > before) { /* another worker added them */
        TRY(take_seeds(g, s));
    } else {
        TRY(grid_add_seeds(g, s));
        if (g->count > before) {
            char folder[SWEEP_PATH_MAX];
            strcpy(folder, s->folder);
            Status status = write_store(g, folder, s, false);
            sweep_close(s);
            TRY(status);
            TRY(sweep_store_read(folder, s));
        }
    }
    *added = g->count - before;
    return OK;
}

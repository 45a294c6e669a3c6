#include "train/sweep/results.h"

#include <math.h>
#include <string.h>

#include "train/run/metrics_read.h"
#include "train/sweep/store.h"

enum { TAIL = 1 << 18 }; /* bytes at the end of the journal to read */

Status results_read(const char *folder, RunResults *r)
{
    MetricsReader reader;
    MetricsLine line;
    bool more = true;
    *r = (RunResults){.loss = NAN, .loss_step = -1};
    Status status = metrics_open(&reader, folder, TAIL);
    while (status == OK && more) {
        status = metrics_next(&reader, &line, &more);
        if (status != OK || !more || line.kind == METRICS_BROKEN) continue;
        if (line.kind == METRICS_EVALUATION) {
            r->loss_step = line.step;
            r->loss = line.val_loss;
            continue;
        }
        r->step = line.step;
        if (line.column[COLUMN_tokens] > 0) r->tokens = (int64_t)line.column[COLUMN_tokens];
        if (!isnan(line.column[COLUMN_seconds])) r->seconds = line.column[COLUMN_seconds];
    }
    metrics_close(&reader);
    return status;
}

/* A branch's journal begins with the lines of its trunk. */
static double own_seconds(const RunMetrics *j)
{
    const double *step = j->column[COLUMN_step], *seconds = j->column[COLUMN_seconds];
    double before = 0, all = 0;
    for (int64_t i = 0; i < j->event_count; i++) {
        if (strcmp(j->events[i].kind, "branched")) continue;
        for (int64_t k = 0; k < j->lines && step[k] <= (double)j->events[i].step; k++)
            if (isfinite(seconds[k])) before = seconds[k];
    }
    for (int64_t k = 0; k < j->lines; k++)
        if (isfinite(seconds[k])) all = seconds[k];
    return all - before;
}

void sweep_seconds(Sweep *s)
{
    char folder[SWEEP_PATH_MAX];
    Arena arena = {0};
    for (int64_t i = 0; i < s->count; i++) {
        RunMetrics j = {0};
        if (metrics_read(sweep_run_path(s, &s->runs[i], "", folder), &arena, &j) == OK)
            s->runs[i].seconds = own_seconds(&j);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

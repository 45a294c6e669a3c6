#include "train/sweep/results.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/run/metrics_read.h"
#include "train/sweep/store.h"

enum { TAIL = 1 << 18 };

/* The end of the file, at most TAIL bytes, from the start of a line; ended by a NUL. */
static Status read_tail(const char *path, char *out)
{
    FILE *file = fopen(path, "rb");
    *out = '\0';
    if (!file) return errno == ENOENT ? OK : FAIL(E_IO, "%s: %s", path, strerror(errno));
    long size = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    const bool cut = size > TAIL;
    size_t got = 0;
    if (size >= 0 && !fseek(file, cut ? size - TAIL : 0, SEEK_SET)) got = fread(out, 1, TAIL, file);
    const bool failed = size < 0 || ferror(file);
    const int why = errno;
    fclose(file);
    out[got] = '\0';
    if (failed) return FAIL(E_IO, "%s: %s", path, strerror(why));
    const char *line = cut ? strchr(out, '\n') : NULL;
    if (line) memmove(out, line + 1, strlen(line));
    return OK;
}

static void take(const char *line, RunResults *r)
{
    json_t *root = json_loads(line, 0, NULL);
    const json_t *step = json_object_get(root, "step"), *loss = json_object_get(root, "val_loss"),
                 *tokens = json_object_get(root, "tokens"),
                 *seconds = json_object_get(root, "seconds");
    if (json_is_integer(step) && loss) {
        r->loss_step = json_integer_value(step);
        r->loss = json_is_number(loss) ? json_number_value(loss) : NAN;
    } else if (json_is_integer(step)) {
        r->step = json_integer_value(step);
        if (tokens) r->tokens = json_integer_value(tokens);
        if (seconds) r->seconds = json_number_value(seconds);
    }
    json_decref(root);
}

Status results_read(const char *folder, RunResults *r)
{
    char path[PATH_MAX];
    *r = (RunResults){.loss = NAN, .loss_step = -1};
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    char *text = malloc(TAIL + 1);
    if (!text) return FAIL(E_NOMEM, "the end of a journal");
    Status status = read_tail(path, text);
    if (status == OK)
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            take(line, r);
        }
    free(text);
    return status;
}

/* A branch's journal begins with the lines of its trunk. */
static double own_seconds(const Journal *j)
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
        Journal j = {0};
        if (journal_read(sweep_run_path(s, &s->runs[i], "", folder), &arena, &j) == OK)
            s->runs[i].seconds = own_seconds(&j);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

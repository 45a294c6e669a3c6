#include "train/run/metrics_read.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define X(name) #name,
static const char *const names[] = {METRICS_COLUMN_LIST(X)};
#undef X

/* The file RUN/name, or NULL if there is none. */
static Status open_file(const char *run, const char *name, char path[PATH_MAX], FILE **file)
{
    *file = NULL;
    if (snprintf(path, PATH_MAX, "%s/%s", run, name) >= PATH_MAX)
        return FAIL(E_ARG, "%s: the path is too long", run);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block us */
    struct stat info;
    if (fd < 0) return errno == ENOENT ? OK : FAIL(E_IO, "%s: %s", path, strerror(errno));
    *file = fstat(fd, &info) || !S_ISREG(info.st_mode) ? NULL : fdopen(fd, "r");
    if (*file) return OK;
    close(fd);
    return FAIL(E_IO, "%s: not a readable file", path);
}

/* The next line as a JSON object; NULL: it is torn or none. *size is 0 at the end of the file. */
static Status next_row(MetricsReader *r, json_t **row, int64_t *size)
{
    *row = NULL;
    *size = 0;
    if (!r->file) return OK;
    errno = 0;
    const ssize_t length = getline(&r->text, &r->room, r->file);
    if (length < 0) return feof(r->file) ? OK : FAIL(E_IO, "%s: %s", r->path, strerror(errno));
    *size = length;
    if (r->text[length - 1] != '\n') return OK;
    *row = json_loadb(r->text, (size_t)length, 0, NULL);
    if (!*row && errno == ENOMEM) /* which jansson also reports as bad syntax */
        return FAIL(E_NOMEM, "%s: a line", r->path);
    if (json_is_object(*row) && json_is_integer(json_object_get(*row, "step"))) return OK;
    json_decref(*row);
    *row = NULL;
    return OK;
}

static double number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int64_t step_of(const json_t *row)
{
    return json_integer_value(json_object_get(row, "step"));
}

Status metrics_open(MetricsReader *r, const char *run, int64_t last_bytes)
{
    *r = (MetricsReader){0};
    TRY(open_file(run, "metrics.jsonl", r->path, &r->file));
    if (!r->file || !last_bytes) return OK;
    const long size = fseek(r->file, 0, SEEK_END) ? -1 : ftell(r->file);
    const bool cut = size > last_bytes;
    if (size < 0 || fseek(r->file, cut ? size - (long)last_bytes : 0, SEEK_SET))
        return FAIL(E_IO, "%s: %s", r->path, strerror(errno));
    if (!cut || getline(&r->text, &r->room, r->file) > 0) return OK; /* the rest of a line */
    return FAIL(E_IO, "%s: %s", r->path, strerror(errno));
}

void metrics_close(MetricsReader *r)
{
    if (r->file) fclose(r->file);
    free(r->text);
    *r = (MetricsReader){0};
}

Status metrics_next(MetricsReader *r, MetricsLine *line, bool *more)
{
    json_t *row;
    *line = (MetricsLine){.kind = METRICS_BROKEN, .val_loss = NAN};
    TRY(next_row(r, &row, &line->size));
    *more = line->size > 0;
    if (!row) return OK;
    line->step = step_of(row);
    line->kind = json_object_get(row, "val_loss") ? METRICS_EVALUATION : METRICS_TRAINING;
    line->val_loss = number(row, "val_loss");
    line->nonfinite_loss = json_is_null(json_object_get(row, "loss"));
    for (int i = 0; i < METRICS_COLUMNS; i++) line->column[i] = number(row, names[i]);
    json_decref(row);
    return OK;
}

/* A longer copy of a list; NULL: out of memory. */
static void *longer(Arena *a, const void *list, int64_t used, int64_t room, int64_t size)
{
    void *to = arena_take(a, room * size);
    if (to && used) memcpy(to, list, (size_t)(used * size));
    return to;
}

static Status grow(Arena *a, RunMetrics *j)
{
    const int64_t room = 2 * j->room + 1024, size = sizeof(double);
    bool whole = true;
    if (j->lines < j->room && j->vals < j->room && j->bads < j->room) return OK;
    for (int i = 0; i < METRICS_COLUMNS; i++)
        whole &= (j->column[i] = longer(a, j->column[i], j->lines, room, size)) != NULL;
    whole &= (j->val_step = longer(a, j->val_step, j->vals, room, size)) != NULL;
    whole &= (j->val_loss = longer(a, j->val_loss, j->vals, room, size)) != NULL;
    whole &= (j->bad_step = longer(a, j->bad_step, j->bads, room, size)) != NULL;
    j->room = room;
    return whole ? OK : FAIL(E_NOMEM, "%lld lines of metrics.jsonl", (long long)room);
}

static void drop_from(double *steps, int64_t *count, double step)
{
    while (*count && steps[*count - 1] >= step) --*count;
}

static Status take_metrics(Arena *a, RunMetrics *j, const MetricsLine *line)
{
    const double step = (double)line->step;
    if (line->kind == METRICS_BROKEN) {
        j->broken++;
        return OK;
    }
    TRY(grow(a, j));
    if (line->kind == METRICS_EVALUATION) {
        drop_from(j->val_step, &j->vals, step);
        j->val_step[j->vals] = step;
        j->val_loss[j->vals++] = line->val_loss;
        return OK;
    }
    drop_from(j->column[COLUMN_step], &j->lines, step);
    drop_from(j->bad_step, &j->bads, step);
    for (int i = 0; i < METRICS_COLUMNS; i++) j->column[i][j->lines] = line->column[i];
    if (line->nonfinite_loss) j->bad_step[j->bads++] = step;
    j->lines++;
    return OK;
}

static Status take_text(Arena *a, const json_t *row, const char *key, const char **out)
{
    const char *text = json_string_value(json_object_get(row, key));
    *out = text && *text ? arena_text(a, text) : "";
    return *out ? OK : FAIL(E_NOMEM, "events.jsonl");
}

static Status take_event(Arena *a, RunMetrics *j, const json_t *row)
{
    if (!row) {
        j->broken++;
        return OK;
    }
    if (j->event_count == j->event_room) {
        j->event_room = 2 * j->event_room + 64;
        j->events = longer(a, j->events, j->event_count, j->event_room, sizeof *j->events);
        if (!j->events) return FAIL(E_NOMEM, "events.jsonl");
    }
    const json_t *batch = json_object_get(row, "batch");
    if (!batch) batch = json_object_get(row, "draw"); /* version 0.1 */
    RunEvent *e = &j->events[j->event_count];
    *e = (RunEvent){.step = step_of(row),
                    .batch_index = json_integer_value(batch),
                    .loss = number(row, "loss"),
                    .loss_z = number(row, "loss_z"),
                    .grad_norm = number(row, "grad_norm"),
                    .grad_norm_z = number(row, "grad_norm_z")};
    TRY(take_text(a, row, "event", &e->kind));
    TRY(take_text(a, row, "class", &e->flag));
    TRY(take_text(a, row, "message", &e->message));
    TRY(take_text(a, row, "bundle", &e->bundle));
    j->event_count++;
    return OK;
}

static Status read_metrics(MetricsReader *r, Arena *a, RunMetrics *j)
{
    MetricsLine line;
    for (bool more = true;;) {
        TRY(metrics_next(r, &line, &more));
        if (!more) return OK;
        TRY(take_metrics(a, j, &line));
    }
}

static Status read_events(MetricsReader *r, Arena *a, RunMetrics *j)
{
    for (;;) {
        json_t *row;
        int64_t size;
        TRY(next_row(r, &row, &size));
        if (!size) return OK;
        const Status status = take_event(a, j, row);
        json_decref(row);
        TRY(status);
    }
}

Status metrics_read(const char *run, Arena *a, RunMetrics *j)
{
    MetricsReader metrics, events = {0};
    *j = (RunMetrics){0};
    Status status = metrics_open(&metrics, run, 0);
    if (status == OK) status = read_metrics(&metrics, a, j);
    metrics_close(&metrics);
    if (status == OK) status = open_file(run, "events.jsonl", events.path, &events.file);
    if (status == OK) status = read_events(&events, a, j);
    metrics_close(&events);
    return status;
}

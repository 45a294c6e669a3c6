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
static const char *const names[] = {JOURNAL_COLUMN_LIST(X)};
#undef X

/* A longer copy of a list; NULL: memory is out. */
static void *longer(Arena *a, const void *list, int64_t used, int64_t room, int64_t size)
{
    void *to = arena_take(a, room * size);
    if (to && used) memcpy(to, list, (size_t)(used * size));
    return to;
}

static Status grow(Arena *a, Journal *j)
{
    const int64_t room = 2 * j->room + 1024, size = sizeof(double);
    bool whole = true;
    if (j->lines < j->room && j->vals < j->room && j->bads < j->room) return OK;
    for (int i = 0; i < JOURNAL_COLUMNS; i++)
        whole &= (j->column[i] = longer(a, j->column[i], j->lines, room, size)) != NULL;
    whole &= (j->val_step = longer(a, j->val_step, j->vals, room, size)) != NULL;
    whole &= (j->val_loss = longer(a, j->val_loss, j->vals, room, size)) != NULL;
    whole &= (j->bad_step = longer(a, j->bad_step, j->bads, room, size)) != NULL;
    j->room = room;
    return whole ? OK : FAIL(E_NOMEM, "%lld lines of metrics.jsonl", (long long)room);
}

static double number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void go_back(double *steps, int64_t *count, double step)
{
    while (*count && steps[*count - 1] >= step) --*count;
}

static Status take_metrics(Arena *a, Journal *j, const json_t *row)
{
    const double step = number(row, "step");
    if (!isfinite(step)) {
        j->broken++;
        return OK;
    }
    TRY(grow(a, j));
    if (json_object_get(row, "val_loss")) {
        go_back(j->val_step, &j->vals, step);
        j->val_step[j->vals] = step;
        j->val_loss[j->vals++] = number(row, "val_loss");
        return OK;
    }
    go_back(j->column[COLUMN_step], &j->lines, step);
    go_back(j->bad_step, &j->bads, step);
    for (int i = 0; i < JOURNAL_COLUMNS; i++) j->column[i][j->lines] = number(row, names[i]);
    if (json_is_null(json_object_get(row, "loss"))) j->bad_step[j->bads++] = step;
    j->lines++;
    return OK;
}

static Status take_text(Arena *a, const json_t *row, const char *key, const char **out)
{
    const char *text = json_string_value(json_object_get(row, key));
    *out = text && *text ? arena_text(a, text) : "";
    return *out ? OK : FAIL(E_NOMEM, "events.jsonl");
}

static Status take_event(Arena *a, Journal *j, const json_t *row)
{
    const double step = number(row, "step"),
                 batch_index =
                     number(row, json_object_get(row, "batch") ? "batch" : "draw"); /* 0.1 */
    if (!(fabs(step) < 1e18)) {
        j->broken++;
        return OK;
    }
    if (j->event_count == j->event_room) {
        j->event_room = 2 * j->event_room + 64;
        j->events = longer(a, j->events, j->event_count, j->event_room, sizeof *j->events);
        if (!j->events) return FAIL(E_NOMEM, "events.jsonl");
    }
    JournalEvent *e = &j->events[j->event_count];
    *e = (JournalEvent){.step = (int64_t)step,
                        .batch_index = fabs(batch_index) < 1e18 ? (int64_t)batch_index : 0,
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

static Status read_lines(FILE *file, Arena *a, Journal *j,
                         Status (*take)(Arena *a, Journal *j, const json_t *row))
{
    char *text = NULL;
    size_t room = 0;
    Status status = OK;
    for (ssize_t length; status == OK && (length = getline(&text, &room, file)) > 0;) {
        json_t *row = json_loadb(text, (size_t)length, 0, NULL);
        if (json_is_object(row))
            status = take(a, j, row);
        else
            j->broken++;
        json_decref(row);
    }
    free(text);
    return status;
}

static Status read_file(const char *run, const char *name, Arena *a, Journal *j,
                        Status (*take)(Arena *a, Journal *j, const json_t *row))
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", run, name) >= sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", run);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not stop us */
    struct stat info;
    if (fd < 0) return errno == ENOENT ? OK : FAIL(E_IO, "%s: %s", path, strerror(errno));
    FILE *file = fstat(fd, &info) || !S_ISREG(info.st_mode) ? NULL : fdopen(fd, "r");
    if (!file) {
        close(fd);
        return FAIL(E_IO, "%s: not a file that can be read", path);
    }
    Status status = read_lines(file, a, j, take);
    if (status == OK && ferror(file)) status = FAIL(E_IO, "%s: it cannot be read", path);
    fclose(file);
    return status;
}

Status journal_read(const char *run, Arena *a, Journal *j)
{
    *j = (Journal){0};
    TRY(read_file(run, "metrics.jsonl", a, j, take_metrics));
    return read_file(run, "events.jsonl", a, j, take_event);
}

#include "train/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "autograd/base/text.h"

/* A line being made: {"step": 1, "loss": 2.5} */
typedef struct Line {
    char text[8192];
    size_t length;
    bool nonfinite;
} Line;

__attribute__((format(printf, 2, 3))) static void append(Line *line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int used = vsnprintf(line->text + line->length, sizeof line->text - line->length, fmt, args);
    va_end(args);
    INVARIANT(used >= 0 && line->length + (size_t)used < sizeof line->text);
    line->length += (size_t)used;
}

static void add_key(Line *line, const char *key)
{
    append(line, "%s\"%s\": ", line->length ? ", " : "{", key);
}

static void add_int(Line *line, const char *key, int64_t value)
{
    add_key(line, key);
    append(line, "%lld", (long long)value);
}

static void add_real(Line *line, const char *key, double value)
{
    char text[32];
    add_key(line, key);
    if (!isfinite(value)) line->nonfinite = true;
    append(line, "%s", isfinite(value) ? text_real(value, text) : "null");
}

static void add_text(Line *line, const char *key, const char *value)
{
    json_t *string = json_string(value);
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    add_key(line, key);
    append(line, "%.7000s", quoted ? quoted : "null"); /* null: not UTF-8 */
    free(quoted);
    json_decref(string);
}

static Status write_line(int file, Line *line)
{
    if (line->nonfinite) append(line, ", \"nonfinite\": true");
    append(line, "}\n");
    ssize_t written;
    do written = write(file, line->text, line->length);
    while (written < 0 && errno == EINTR);
    if (written != (ssize_t)line->length)
        return FAIL(E_IO, "the run's log: %s", written < 0 ? strerror(errno) : "the disk is full");
    return OK;
}

/* Where the lines that belong to updates up to `step` end, and the seconds that the last one tells. */
static off_t kept_length(FILE *file, int64_t step, double *seconds)
{
    char *text = NULL;
    size_t room = 0;
    off_t end = 0;
    for (ssize_t length; (length = getline(&text, &room, file)) > 0; end += length) {
        json_t *row = text[length - 1] == '\n' ? json_loadb(text, (size_t)length, 0, NULL) : NULL;
        json_t *number = json_object_get(row, "step"), *time = json_object_get(row, "seconds");
        bool keep = json_is_integer(number) && json_integer_value(number) <= step;
        if (keep && json_is_number(time)) *seconds = json_number_value(time);
        json_decref(row);
        if (!keep) break;
    }
    free(text);
    return end;
}

static Status cut(int metrics, const char *path, int64_t step, double *seconds)
{
    FILE *file = fopen(path, "r");
    if (!file) return FAIL(E_IO, "%s: %s", path, strerror(errno));
    off_t end = kept_length(file, step, seconds);
    fclose(file);
    if (ftruncate(metrics, end)) return FAIL(E_IO, "%s: %s", path, strerror(errno));
    return OK;
}

static Status open_journal(int *file, char *path, size_t size, const char *run, const char *name)
{
    if ((size_t)snprintf(path, size, "%s/%s", run, name) >= size)
        return FAIL(E_ARG, "%s: the path is too long", run);
    *file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (*file < 0) return FAIL(E_IO, "%s: %s", path, strerror(errno));
    return OK;
}

static Status lock(int file, const char *run)
{
    if (flock(file, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return FAIL(E_EXISTS, "%s: another process is training in this folder", run);
    return OK;
}

Status log_check_unused(const char *run)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/events.jsonl", run);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return OK;
    Status status = lock(file, run);
    close(file);
    return status;
}

Status log_open(RunLog *l, const char *run, int64_t step)
{
    char path[4096];
    *l = (RunLog){.metrics = -1, .events = -1};
    TRY(open_journal(&l->events, path, sizeof path, run, "events.jsonl"));
    TRY(lock(l->events, run));
    TRY(open_journal(&l->metrics, path, sizeof path, run, "metrics.jsonl"));
    return cut(l->metrics, path, step, &l->seconds);
}

void log_close(RunLog *l)
{
    if (l->metrics >= 0) close(l->metrics);
    if (l->events >= 0) close(l->events);
    *l = (RunLog){.metrics = -1, .events = -1};
}

Status log_training(RunLog *l, const Run *r, int64_t step, double tokens_per_second)
{
    Line line = {0};
    add_int(&line, "step", step);
    add_real(&line, "loss", r->loss);
    add_real(&line, "lr", r->lr);
    add_real(&line, "grad_norm", r->grad_norm);
    add_int(&line, "tokens", r->tokens);
    add_real(&line, "tokens_per_second", tokens_per_second);
    add_real(&line, "seconds", l->seconds);
    return write_line(l->metrics, &line);
}

Status log_evaluation(RunLog *l, const Run *r, double val_loss)
{
    Line line = {0};
    add_int(&line, "step", r->step);
    add_real(&line, "val_loss", val_loss);
    return write_line(l->metrics, &line);
}

Status log_event(RunLog *l, const Run *r, const char *kind, const char *message)
{
    Line line = {0};
    add_int(&line, "step", r->step);
    add_text(&line, "event", kind);
    add_text(&line, "message", message);
    return write_line(l->events, &line);
}

Status log_sync(RunLog *l)
{
    if (fsync(l->metrics)) return FAIL(E_IO, "metrics.jsonl: %s", strerror(errno));
    return OK;
}

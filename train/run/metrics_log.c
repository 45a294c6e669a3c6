#include "train/run/metrics_log.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/run/metrics_read.h"

/* A JSON line under construction. With many blocks it outgrows `buffer`. */
typedef struct Line {
    char buffer[8192], *text;
    size_t length, room;
    bool nonfinite, out_of_memory;
} Line;

static void begin(Line *line)
{
    line->text = line->buffer;
    line->room = sizeof line->buffer;
    line->length = 0;
    line->nonfinite = line->out_of_memory = false;
}

static void end(Line *line)
{
    if (line->text != line->buffer) free(line->text);
}

/* Makes room for `more` bytes and a NUL. */
static bool grow(Line *line, size_t more)
{
    const bool in_buffer = line->text == line->buffer;
    if (line->length + more < line->room) return true;
    const size_t room = 2 * (line->room + more);
    char *text = line->out_of_memory ? NULL : realloc(in_buffer ? NULL : line->text, room);
    if (!text) {
        line->out_of_memory = true;
        return false;
    }
    if (in_buffer) memcpy(text, line->buffer, line->length);
    line->text = text;
    line->room = room;
    return true;
}

__attribute__((format(printf, 2, 3))) static void append(Line *line, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int used = vsnprintf(NULL, 0, fmt, args);
    INVARIANT(used >= 0);
    if (grow(line, (size_t)used))
        line->length += (size_t)vsnprintf(line->text + line->length, (size_t)used + 1, fmt, again);
    va_end(again);
    va_end(args);
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

static void add_number(Line *line, double value)
{
    char text[32];
    if (!isfinite(value)) line->nonfinite = true;
    append(line, "%s", isfinite(value) ? text_real(value, text) : "null");
}

static void add_real(Line *line, const char *key, double value)
{
    add_key(line, key);
    add_number(line, value);
}

/* The same, or nothing if value is NAN. */
static void add_known(Line *line, const char *key, double value)
{
    if (!isnan(value)) add_real(line, key, value);
}

static void add_text(Line *line, const char *key, const char *value)
{
    json_t *string = json_string(value);
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    add_key(line, key);
    append(line, "%s", quoted ? quoted : "null"); /* null: not UTF-8 */
    free(quoted);
    json_decref(string);
}

/* Writes the line and ends it. */
static Status write_line(AppendFile *file, Line *line)
{
    if (line->nonfinite) append(line, ", \"nonfinite\": true");
    append(line, "}\n");
    Status status = line->out_of_memory ? FAIL(E_NOMEM, "%s: a line is lost", file->path)
                                        : append_file_add(file, line->text, (int64_t)line->length);
    end(line);
    return status;
}

/* The size of the lines up to step `step`, and the seconds of training by then. Reads from
 * r->file. */
static Status find_kept(MetricsReader *r, int64_t step, int64_t *kept, double *seconds)
{
    MetricsLine line;
    *kept = 0;
    for (bool more = true;; *kept += line.size) {
        TRY(metrics_next(r, &line, &more));
        if (!more || line.kind == METRICS_BROKEN || line.step > step) return OK;
        if (!isnan(line.column[COLUMN_seconds])) *seconds = line.column[COLUMN_seconds];
    }
}

/* Removes the lines after step `step`, both from the file and from those that wait. */
static Status cut(AppendFile *l, int64_t step, double *seconds)
{
    const char *why;
    MetricsReader r = {.file = file_open_regular(l->path, &why)};
    int64_t kept = 0, waiting = 0;
    snprintf(r.path, sizeof r.path, "%s", l->path);
    if (!r.file) return FAIL(E_IO, "%s: %s", l->path, why);
    Status status = find_kept(&r, step, &kept, seconds);
    metrics_close(&r);
    TRY(status);
    if (kept > l->end) kept = l->end; /* a torn line that is still in the file */
    if (kept == l->end && l->size > l->written) {
        snprintf(r.path, sizeof r.path, "%s", l->path);
        r.file = fmemopen(l->waiting + l->written, (size_t)(l->size - l->written), "r");
        if (!r.file) return FAIL(E_NOMEM, "%s", l->path);
        status = find_kept(&r, step, &waiting, seconds);
        metrics_close(&r);
        TRY(status);
    }
    return append_file_cut(l, kept, waiting);
}

Status metrics_log_open(MetricsLog *l, const char *run, int64_t step)
{
    *l = (MetricsLog){.metrics.fd = -1, .events.fd = -1};
    TRY(append_file_open(&l->events, run, "events.jsonl"));
    TRY(append_file_open(&l->metrics, run, "metrics.jsonl"));
    return cut(&l->metrics, step, &l->seconds);
}

void metrics_log_close(MetricsLog *l)
{
    append_file_close(&l->metrics);
    append_file_close(&l->events);
}

Status metrics_log_rewind(MetricsLog *l, int64_t step)
{
    double seconds; /* not used: the time of undone steps counts as well */
    return cut(&l->metrics, step, &seconds);
}

static double signal_of(const BlockSignals *block, size_t offset)
{
    double x;
    memcpy(&x, (const char *)block + offset, sizeof x);
    return x;
}

/* One signal of all blocks, unless it was not measured. */
static void add_blocks(Line *line, const char *key, const BlockSignals *blocks, int64_t count,
                       size_t offset)
{
    int64_t known = 0;
    for (int64_t i = 0; i < count; i++) known += !isnan(signal_of(&blocks[i], offset));
    if (!known) return;
    append(line, "%s\"%s\": [", line->text[line->length - 1] == '{' ? "" : ", ", key);
    for (int64_t i = 0; i < count; i++) {
        if (i) append(line, ", ");
        add_number(line, signal_of(&blocks[i], offset));
    }
    append(line, "]");
}

static void add_layers(Line *line, const Monitor *m)
{
    const int64_t count = m->history.layers;
    BlockSignals *blocks = calloc((size_t)count + 1, sizeof *blocks);
    if (!blocks) return; /* the line is whole without them */
    for (int64_t i = 0; i < count; i++) blocks[i] = monitor_block(m, i);
    add_key(line, "layers");
    append(line, "{");
#define X(name, help) add_blocks(line, #name, blocks, count, offsetof(BlockSignals, name));
    BLOCK_SIGNAL_LIST(X)
#undef X
    append(line, "}");
    free(blocks);
}

/* The monitor's signals of step `step`. */
static void add_monitor(Line *line, const Monitor *m, int64_t step)
{
    const double *row = monitor_row(m, step);
    if (!row) return;
    add_known(line, "loss_z", row[SIGNAL_loss_z]);
    add_known(line, "grad_norm_z", row[SIGNAL_grad_norm_z]);
    add_int(line, "skipped", m->past.skipped);
    if (!m->config->telemetry) return;
    add_known(line, "update_norm", row[SIGNAL_update_norm]);
    add_known(line, "rms", row[SIGNAL_rms]);
    add_known(line, "log_z", row[SIGNAL_log_z]);
    add_known(line, "max_logit", row[SIGNAL_max_logit]);
    add_layers(line, m);
}

Status metrics_log_training(MetricsLog *l, const Run *r, int64_t step, double tokens_per_second)
{
    Line line;
    begin(&line);
    const bool has_loss = !r->monitor.judgement.no_loss;
    add_int(&line, "step", step);
    if (has_loss) add_real(&line, "loss", r->loss);
    add_real(&line, "lr", r->lr);
    if (has_loss) add_real(&line, "grad_norm", r->grad_norm);
    add_int(&line, "tokens", r->tokens);
    add_real(&line, "tokens_per_second", tokens_per_second);
    add_real(&line, "seconds", l->seconds);
    add_known(&line, "noise_scale", noise_scale(&r->noise));
    add_monitor(&line, &r->monitor, step);
    return write_line(&l->metrics, &line);
}

Status metrics_log_evaluation(MetricsLog *l, const Run *r, double val_loss)
{
    Line line;
    begin(&line);
    add_int(&line, "step", r->step);
    add_real(&line, "val_loss", val_loss);
    return write_line(&l->metrics, &line);
}

Status metrics_log_event(MetricsLog *l, const Run *r, const char *kind, const char *message)
{
    Line line;
    begin(&line);
    add_int(&line, "step", r->step);
    add_text(&line, "event", kind);
    add_text(&line, "message", message);
    return write_line(&l->events, &line);
}

Status metrics_log_spike(MetricsLog *l, const Judgement *j, const char *kind, const char *message,
                         const char *bundle)
{
    Line line;
    begin(&line);
    add_int(&line, "step", j->step);
    add_int(&line, "batch", j->batch_index);
    add_text(&line, "event", kind);
    const SpikeClass class = j->finding.flag ? j->finding.flag : j->finding.unusual;
    add_text(&line, "class", spike_class_name(class));
    add_text(&line, "message", message);
    add_real(&line, "loss", j->loss);
    add_known(&line, "loss_z", j->finding.loss_z);
    add_real(&line, "grad_norm", j->grad_norm);
    add_known(&line, "grad_norm_z", j->finding.grad_norm_z);
    if (*bundle) add_text(&line, "bundle", bundle);
    return write_line(&l->events, &line);
}

Status metrics_log_sync(MetricsLog *l)
{
    const Status events = append_file_sync(&l->events);
    TRY(append_file_sync(&l->metrics));
    return events;
}

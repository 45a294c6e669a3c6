/* The reader of a run's two logs, metrics.jsonl and events.jsonl, which train/run/metrics_log.h
 * writes. Nothing else parses them.
 *
 * A line counts only if it is whole: a JSON object with an integer "step", ended by a newline. The
 * last line of a run that was killed may be torn. A number that was not finite was written as null,
 * with "nonfinite": true. Logs of version 0.1 call a batch "draw". */
#ifndef TRAIN_RUN_METRICS_READ_H
#define TRAIN_RUN_METRICS_READ_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

/* Keys of a training line. */
#define METRICS_COLUMN_LIST(X) \
    X(step)                    \
    X(loss)                    \
    X(lr)                      \
    X(grad_norm)               \
    X(tokens)                  \
    X(tokens_per_second)       \
    X(seconds)                 \
    X(update_norm)             \
    X(rms)                     \
    X(log_z)                   \
    X(max_logit)

#define X(name) COLUMN_##name,
enum { METRICS_COLUMN_LIST(X) METRICS_COLUMNS };
#undef X

typedef enum MetricsKind {
    METRICS_TRAINING,
    METRICS_EVALUATION,
    METRICS_BROKEN /* torn, not JSON, or without a step */
} MetricsKind;

/* One line of metrics.jsonl. */
typedef struct MetricsLine {
    MetricsKind kind;
    int64_t size; /* bytes, including the newline */
    int64_t step;
    double column[METRICS_COLUMNS]; /* of a training line; NAN: absent, or not finite */
    bool nonfinite_loss;            /* the training loss was not finite */
    double val_loss;                /* of an evaluation; NAN: not finite */
} MetricsLine;

/* Reads metrics.jsonl line by line. */
typedef struct MetricsReader {
    FILE *file; /* NULL: there is none */
    char path[PATH_MAX];
    char *text;
    size_t room;
} MetricsReader;

/* Opens RUN/metrics.jsonl; a missing file reads as an empty one. last_bytes: begins with the first
 * whole line of that many bytes at the end; 0: of the whole file. E_IO. Close in any case. */
Status metrics_open(MetricsReader *r, const char *run, int64_t last_bytes);
void metrics_close(MetricsReader *r);

/* The next line; *more is false at the end. E_IO, E_NOMEM. */
Status metrics_next(MetricsReader *r, MetricsLine *line, bool *more);

/* One line of events.jsonl. Texts are the arena's; "" if absent. */
typedef struct RunEvent {
    int64_t step, batch_index; /* batch_index: from 1; 0: absent */
    const char *kind;          /* "spike", "skipped", "resumed", "signal", ... */
    const char *flag;          /* class of a spike: "loss", "gradient", "nonfinite"; "" */
    const char *message;
    const char *bundle;                          /* relative to the run's folder */
    double loss, loss_z, grad_norm, grad_norm_z; /* NAN: absent */
} RunEvent;

/* Both logs in memory. */
typedef struct RunMetrics {
    double *column[METRICS_COLUMNS]; /* [lines], steps ascending */
    int64_t lines;
    double *val_step, *val_loss; /* [vals], steps ascending */
    int64_t vals;
    double *bad_step; /* [bads]: training lines whose loss is not finite */
    int64_t bads;
    RunEvent *events;
    int64_t event_count;
    int64_t broken;           /* lines that were skipped */
    int64_t room, event_room; /* internal */
} RunMetrics;

/* Reads both logs of the folder `run` into a; a missing file reads as an empty one. A line
 * whose step is not above those before replaces them from that step on. E_IO, E_NOMEM. */
Status metrics_read(const char *run, Arena *a, RunMetrics *j);

#endif

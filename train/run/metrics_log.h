/* The writer of a run's two logs, with one JSON object per line: metrics.jsonl, which a resumed
 * run truncates to its checkpoint and continues, and events.jsonl, which is only appended to. A
 * line that cannot be written waits in memory (train/checkpoint/append_file.h) and does not stop
 * the run. The reader is train/run/metrics_read.h. */
#ifndef TRAIN_RUN_METRICS_LOG_H
#define TRAIN_RUN_METRICS_LOG_H

#include <stdbool.h>

#include "autograd/base/error.h"
#include "train/checkpoint/append_file.h"
#include "train/run/run.h"

typedef struct MetricsLog {
    AppendFile metrics, events;
    double seconds; /* of training so far */
} MetricsLog;

/* Opens both in the existing folder `run`. Truncates metrics.jsonl after step `step`; seconds
 * continues from the last line left. E_IO, E_NOMEM. */
Status metrics_log_open(MetricsLog *l, const char *run, int64_t step);
void metrics_log_close(MetricsLog *l);

/* After a rewind to step `step`: truncates metrics.jsonl after it. */
Status metrics_log_rewind(MetricsLog *l, int64_t step);

/* The caller reports errors of these four and continues (see append_file_add()). */

/* Metrics of step `step`: the last one taken, or the one that failed; with the monitor's signals,
 * and "noise_scale" (train/step/noise.h) once it is known. Without loss and gradient norm if no
 * token of the batch had a loss. */
Status metrics_log_training(MetricsLog *l, const Run *r, int64_t step, double tokens_per_second);
Status metrics_log_evaluation(MetricsLog *l, const Run *r, double val_loss);

/* An event at r's step, with a message for people. */
Status metrics_log_event(MetricsLog *l, const Run *r, const char *kind, const char *message);

/* An event of a step that the monitor judged, with its numbers; bundle: its folder relative to the
 * run's; "": none. */
Status metrics_log_spike(MetricsLog *l, const Judgement *j, const char *kind, const char *message,
                         const char *bundle);

/* Syncs both to disk: before a checkpoint that relies on their lines. E_IO: some still wait;
 * E_NOMEM: some are lost. */
Status metrics_log_sync(MetricsLog *l);

#endif

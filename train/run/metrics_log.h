/* The writer of a run's two journals, with one JSON object per line: metrics.jsonl, which a resumed
 * run truncates to its checkpoint and continues, and events.jsonl, which is only appended to. A
 * line that cannot be written waits in memory (train/checkpoint/append_file.h) and does not stop
 * the run. The reader is train/run/metrics_read.h. */
#ifndef TRAIN_RUN_METRICS_LOG_H
#define TRAIN_RUN_METRICS_LOG_H

#include <stdbool.h>

#include "autograd/base/error.h"
#include "train/checkpoint/append_file.h"
#include "train/run/run.h"

typedef struct RunLog {
    Lines metrics, events;
    double seconds; /* of training so far */
} RunLog;

/* Opens both in the existing folder `run`. Truncates metrics.jsonl after step `step`; seconds
 * continues from the last line left. E_IO, E_NOMEM. */
Status log_open(RunLog *l, const char *run, int64_t step);
void log_close(RunLog *l);

/* After a rewind to step `step`: truncates metrics.jsonl after it. */
Status log_rewind(RunLog *l, int64_t step);

/* Errors of these four are for a message; they are no reason to stop (see lines_add()). */

/* Metrics of step `step`: the last one made, or the one that failed; with the monitor's signals,
 * and "noise_scale" (train/step/noise.h) once it is known. Without loss and gradient norm if no
 * token of the batch had a loss. */
Status log_training(RunLog *l, const Run *r, int64_t step, double tokens_per_second);
Status log_evaluation(RunLog *l, const Run *r, double val_loss);

/* An event at r's step, with a message for people. */
Status log_event(RunLog *l, const Run *r, const char *kind, const char *message);

/* An event of a step that the monitor judged, with its numbers; bundle: its folder relative to the
 * run's; "": none. */
Status log_spike(RunLog *l, const Judgement *j, const char *kind, const char *message,
                 const char *bundle);

/* Syncs both to disk: before a checkpoint that relies on their lines. E_IO: some still wait;
 * E_NOMEM: some are lost. */
Status log_sync(RunLog *l);

#endif

/* The two journals of a run, one JSON object a line (CONTRACT 4): metrics.jsonl, which a resumed run goes
 * on with as if nothing had happened, and events.jsonl, which only ever grows. A line that cannot be written
 * waits for its turn (train/checkpoint/append_file.h), and whoever wrote it goes on. */
#ifndef TRAIN_RUN_METRICS_LOG_H
#define TRAIN_RUN_METRICS_LOG_H

#include <stdbool.h>

#include "autograd/base/error.h"
#include "train/checkpoint/append_file.h"
#include "train/run/run.h"

typedef struct RunLog {
    Lines metrics, events;
    double seconds; /* training so far */
} RunLog;

/* Opens both in the folder `run`, which is there. Lines of metrics.jsonl after update `step` are cut
 * off, and seconds goes on from the last line left. */
Status log_open(RunLog *l, const char *run, int64_t step);
void log_close(RunLog *l);

/* The run has gone back to update `step`: cuts off the lines of metrics.jsonl after it. */
Status log_rewind(RunLog *l, int64_t step);

/* What these four come to is to be told to people, and no reason to stop: see lines_add(). */

/* Metrics of update `step`: the last one, or the one that could not be made; with what the monitor measured
 * at it, and "noise_scale" (train/step/noise.h) once it is known. Without loss and gradient if no token of the batch had a loss. */
Status log_training(RunLog *l, const Run *r, int64_t step, double tokens_per_second);
Status log_evaluation(RunLog *l, const Run *r, double val_loss);

/* An event of kind, at r's step, with a message for people. */
Status log_event(RunLog *l, const Run *r, const char *kind, const char *message);

/* The same of a step that the monitor has judged, with its numbers; bundle: where more of it is kept, from
 * the run's folder; "": nowhere. */
Status log_spike(RunLog *l, const Judgement *j, const char *kind, const char *message,
                 const char *bundle);

/* To the disk: before a checkpoint that promises the lines are there. E_IO: some still wait; E_NOMEM: some are
 * lost. */
Status log_sync(RunLog *l);

#endif

/* A run's two journals (train/run/metrics_log.h), read whole: metrics.jsonl as columns of numbers, events.jsonl as a list. */
#ifndef TRAIN_RUN_METRICS_READ_H
#define TRAIN_RUN_METRICS_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

/* What a training line may tell; NAN where it does not, or where it was not finite. */
#define JOURNAL_COLUMN_LIST(X) \
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
enum { JOURNAL_COLUMN_LIST(X) JOURNAL_COLUMNS };
#undef X

/* One that stood in events.jsonl. Texts are the arena's; "" where there is none. */
typedef struct JournalEvent {
    int64_t step, batch_index; /* batch_index: 0 if it does not say */
    const char *kind;          /* "spike", "skipped", "resumed", "signal", ... */
    const char *flag;          /* class of a spike: "loss", "gradient", "nonfinite"; "" */
    const char *message;
    const char *bundle;                          /* from the run's folder */
    double loss, loss_z, grad_norm, grad_norm_z; /* NAN: not known */
} JournalEvent;

typedef struct Journal {
    double *column[JOURNAL_COLUMNS]; /* [lines], steps ascending */
    int64_t lines;
    double *val_step, *val_loss; /* [vals], steps ascending */
    int64_t vals;
    double *bad_step; /* [bads]: training lines whose loss is not finite */
    int64_t bads;
    JournalEvent *events;
    int64_t event_count;
    int64_t broken;           /* lines that were passed over: no JSON, or without a step */
    int64_t room, event_room; /* its own */
} Journal;

/* Reads what is there of both in the folder `run`, into a; no file is an empty one. A step that stands
 * there again, or an earlier one, takes the place of what was read from there on. E_IO, E_NOMEM. */
Status journal_read(const char *run, Arena *a, Journal *j);

#endif

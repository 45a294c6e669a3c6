/* The monitor: judges each step before its update and decides how to respond.
 *
 * A step is: monitor_next_batch(); loss and gradient of the batch, measured into stats and norms;
 * monitor_judge() or monitor_pass(); then, if the verdict is VERDICT_TAKE, the update and
 * monitor_updated(), else monitor_skipped(). The caller carries out the verdict: for rewinding see
 * train/snapshots.h.
 *
 * Nothing here writes a file, and after monitor_open() nothing can fail. The whole state is in the
 * checkpoint (train/monitor/state.h), so a resumed run judges as if it had never stopped. */
#ifndef TRAIN_MONITOR_MONITOR_H
#define TRAIN_MONITOR_MONITOR_H

#include "optim/optim.h"
#include "train/monitor/detector.h"
#include "train/monitor/history.h"
#include "train/monitor/zclip.h"
#include "train/step/microbatches.h"

enum {
    MONITOR_HISTORY = 64, /* rows kept, fewer for models with very many parameters */
    MONITOR_RECENT = 200, /* window of skip_share, in batches */
    MONITOR_SCORE = 10000 /* window of SpikeScore, in judged steps (OLMo 2, arXiv:2501.00656) */
};

/* A spike begins a new episode, and gets its own bundle, after this many unflagged steps. */
enum { MONITOR_EPISODE = 8 };

typedef enum Verdict {
    VERDICT_TAKE,   /* make the update */
    VERDICT_SKIP,   /* drop the batch: the run continues as if its data lacked it */
    VERDICT_REWIND, /* return to a snapshot; the batches to drop are recorded */
    VERDICT_STOP    /* end the run with an error */
} Verdict;

typedef struct Judgement {
    Verdict verdict;
    int64_t step, batch_index; /* the step that is judged, and its batch */
    double loss, grad_norm;
    Finding finding;
    bool exhausted; /* the skip budget or the rewind attempts are used up */
    bool severe;    /* an attention logit has just exceeded attention_severe: see message */
    bool opens;     /* write a bundle: this is the first spike of an episode */
    bool no_loss;   /* the batch has no loss token: nothing was judged */
    double limit;   /* limit for the gradient norm; infinity: none */
    char message[512];
} Judgement;

/* State that a rewind keeps. All int64_t. */
typedef struct MonitorPast {
    int64_t judged, flagged; /* steps */
    int64_t skipped, rewound;
    int64_t quiet;                  /* unflagged steps since the last flagged one */
    int64_t episode;                /* its first batch; 0: none yet */
    int64_t bundles;                /* requested */
    int64_t last_flagged, attempts; /* rewind: the last flagged step, and its attempts */
    int64_t levels;                 /* bit set: levels that are crossed */
} MonitorPast;

/* State that a rewind restores. */
typedef struct MonitorNow {
    int64_t in_a_row; /* consecutive flagged steps */
    int64_t history;  /* rows ever added */
    int64_t high, seen,
        clipped; /* of detector and ZClip: Detector.high, .judged_values; ZClip.count */
} MonitorNow;

typedef struct BatchRange {
    int64_t from, to; /* inclusive */
} BatchRange;

typedef struct Monitor {
    const MonitorConfig *config; /* NULL: off */
    int64_t guard;               /* first steps, which are not judged */
    double rms_warn;             /* the level; 0: none */
    Detector detector;
    Window log_update; /* logarithms of update norms */
    ZClip zclip;
    Tally recent, score; /* flagged among the last batches; among the judged steps */
    History history;
    MonitorPast past;
    int64_t in_a_row;
    double rate; /* factor of the learning rate: 1, or less after rewinds */
    BatchRange *drops;
    int64_t drop_count, drop_room;
    const Params *named;
    int64_t *block_of; /* [named parameters]; -1: in no block */

    /* Of the current step. */
    StepStats stats;      /* the caller fills it, if telemetry is on */
    double *norms;        /* [named parameters] of the gradient, likewise */
    UpdateStats *updates; /* [named parameters] of the update, likewise */
    int64_t params, rows;
    Judgement judgement;
    char warnings[4][256]; /* levels crossed in this step */
    int warning_count;
} Monitor;

typedef struct MonitorShape {
    int64_t steps, warmup; /* train.steps, optim.warmup */
    double beta2;          /* optim.beta2 */
    int64_t layers, rows;  /* blocks; rows of a batch */
} MonitorShape;

/* Borrows c and p, which is allocated; memory is a's. E_NOMEM. */
Status monitor_open(Monitor *m, Arena *a, const MonitorConfig *c, const MonitorShape *shape,
                    const Params *p);

/* The next batch after `batch_index` that is not dropped. */
int64_t monitor_next_batch(const Monitor *m, int64_t batch_index);

/* Judges step `step` (from 1) on batch `batch_index` by its loss and gradient norm, and by stats
 * and norms if telemetry is on. Returns &m->judgement; m->warnings are those of this step. Off:
 * VERDICT_TAKE if all is finite. */
const Judgement *monitor_judge(Monitor *m, int64_t step, int64_t batch_index, double loss,
                               double grad_norm);

/* The same for a batch without a loss token (prompts only): VERDICT_TAKE. Its loss and gradient are
 * 0 by definition, so they are not judged and do not enter the baseline. */
const Judgement *monitor_pass(Monitor *m, int64_t step, int64_t batch_index);

/* After an update with this learning rate on the gradient times clip. May add warnings. */
void monitor_updated(Monitor *m, double lr, double clip);

/* The update was not made: the batch is skipped, whatever the verdict was. */
void monitor_skipped(Monitor *m);

/* SpikeScore: the share of spikes among the last MONITOR_SCORE judged steps, and among all; 0 if
 * none was judged. */
double monitor_score_recent(const Monitor *m);
double monitor_score_ever(const Monitor *m);

/* Signals of a block in the newest row, for metrics.jsonl. X(name, help) */
#define BLOCK_SIGNAL_LIST(X)                                  \
    X(grad_norm, "of its parameters, before clipping")        \
    X(value_norm, "of its parameters")                        \
    X(update_ratio, "norm of their update divided by theirs") \
    X(rms, "their largest RMS_t")                             \
    X(activation, "as LAYER_SIGNAL_LIST")                     \
    X(entropy, "as LAYER_SIGNAL_LIST")                        \
    X(max_logit, "as LAYER_SIGNAL_LIST")

#define X(name, help) double name;
typedef struct BlockSignals {
    BLOCK_SIGNAL_LIST(X)
} BlockSignals;
#undef X

BlockSignals monitor_block(const Monitor *m, int64_t layer);

/* The newest row of the history if it is of step `step` and its update was made; else NULL. */
const double *monitor_row(const Monitor *m, int64_t step);

#endif

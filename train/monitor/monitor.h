/* The monitor: judges each step before its update, and says what is to be done.
 *
 * A step is: monitor_next_batch(); the batch's loss and gradient, measured into stats and norms;
 * monitor_judge() or monitor_pass(); then, if the verdict is VERDICT_TAKE, the update and monitor_took(), else
 * monitor_left(). Whoever trains does what the verdict says: rewinding is train/snapshots.h.
 *
 * Nothing here writes a file, and after monitor_open() nothing can fail. All of it is in the checkpoint
 * (train/monitor/state.h), so that a resumed run judges as if it had never stopped. */
#ifndef TRAIN_MONITOR_MONITOR_H
#define TRAIN_MONITOR_MONITOR_H

#include "optim/adamw.h"
#include "train/monitor/detector.h"
#include "train/monitor/history.h"
#include "train/monitor/tally.h"
#include "train/monitor/zclip.h"
#include "train/step/microbatches.h"

enum {
    MONITOR_HISTORY = 64, /* rows kept, if they are not too long */
    MONITOR_RECENT = 200, /* batches that skip_share is of */
    MONITOR_SCORE = 10000 /* judged steps that SpikeScore is of (OLMo 2, arXiv:2501.00656) */
};

/* A spike this many unflagged steps after the last one is a new one. */
enum { MONITOR_EPISODE = 8 };

typedef enum Verdict {
    VERDICT_TAKE,   /* make the update */
    VERDICT_SKIP,   /* as if the batch had never been */
    VERDICT_REWIND, /* go back; the batches to drop are noted already */
    VERDICT_STOP    /* it cannot go on */
} Verdict;

typedef struct Judgement {
    Verdict verdict;
    int64_t step, batch_index; /* the update that is to be, and its batch */
    double loss, grad_norm;
    Finding finding;
    bool exhausted; /* the skip budget, or the attempts, are used up */
    bool severe;    /* an attention logit has just gone above attention_severe: see message */
    bool opens;     /* a bundle is to be written: the first of an episode */
    bool no_loss;   /* the batch has no loss token: nothing was judged */
    double limit;   /* what the gradient is to be cut to; infinity: nothing */
    char message[512];
} Judgement;

/* What goes on through a rewind. All of it are int64_t. */
typedef struct MonitorPast {
    int64_t judged, flagged; /* steps */
    int64_t skipped, rewound;
    int64_t quiet;           /* unflagged steps since the last flagged one */
    int64_t episode;         /* its batch; 0: there was none */
    int64_t bundles;         /* asked for */
    int64_t place, attempts; /* rewind: the last update that was flagged, and how often there */
    int64_t levels;          /* bits: which are crossed */
} MonitorPast;

/* What a rewind takes back. */
typedef struct MonitorNow {
    int64_t in_a_row; /* flagged and kept out of the window */
    int64_t history;  /* rows ever added */
    int64_t high, seen,
        clipped; /* of detector and ZClip: Detector.high, .judged_values; ZClip.count */
} MonitorNow;

typedef struct BatchRange {
    int64_t from, to; /* both of them, too */
} BatchRange;

typedef struct Monitor {
    const MonitorConfig *config; /* NULL: off */
    int64_t guard;               /* updates that are not judged */
    double rms_warn;             /* the level; 0: none */
    Detector detector;
    Window log_update; /* logarithms of update norms */
    ZClip zclip;
    Tally recent, score; /* flagged ones of the last batches; of those judged */
    History history;
    MonitorPast past;
    int64_t in_a_row;
    double rate; /* what the learning rate is multiplied by: 1, or less after rewinds */
    BatchRange *drops;
    int64_t drop_count, drop_room;
    const Params *named;
    int64_t *block_of; /* [named parameters]: -1: of no block */

    /* Of the step at hand. */
    StepStats stats;      /* to be filled while measuring, if telemetry is on */
    double *norms;        /* [named parameters] of the gradient, likewise */
    UpdateStats *updates; /* [named parameters] of the update, likewise */
    int64_t params, rows;
    Judgement judgement;
    char warnings[4][256]; /* levels just crossed */
    int warning_count;
} Monitor;

typedef struct MonitorShape {
    int64_t steps, warmup; /* train.steps, optim.warmup */
    double beta2;          /* optim.beta2 */
    int64_t layers, rows;  /* blocks; of a batch */
} MonitorShape;

/* Borrows c and p, which is allocated; memory is a's. E_NOMEM. */
Status monitor_open(Monitor *m, Arena *a, const MonitorConfig *c, const MonitorShape *shape,
                    const Params *p);

/* The batch after `batch_index` that is not dropped. */
int64_t monitor_next_batch(const Monitor *m, int64_t batch_index);

/* Judges update `step` (from 1) on batch `batch_index` from its loss and gradient norm, and from stats
 * and norms if telemetry is on. The result is m->judgement; warnings are those of this step. Off: takes it. */
const Judgement *monitor_judge(Monitor *m, int64_t step, int64_t batch_index, double loss,
                               double grad_norm);

/* The same of a batch without a loss token, as of prompts only: it is taken. Its loss and gradient are 0 for
 * no reason of the run's, so they are neither judged nor usual. */
const Judgement *monitor_pass(Monitor *m, int64_t step, int64_t batch_index);

/* The update was made: with this rate, on the gradient times clip. More warnings may be there. */
void monitor_took(Monitor *m, double lr, double clip);

/* It was not: the batch is skipped, whatever the verdict was. */
void monitor_left(Monitor *m);

/* What share of the judged steps were spikes, over the last MONITOR_SCORE and ever; 0 if none was judged. */
double monitor_score_recent(const Monitor *m);
double monitor_score_ever(const Monitor *m);

/* Of the newest row: what is known of a block (metrics.jsonl). X(name, help) */
#define BLOCK_SIGNAL_LIST(X)                             \
    X(grad_norm, "of its parameters, before clipping")   \
    X(value_norm, "of its parameters")                   \
    X(update_ratio, "length of their update, by theirs") \
    X(rms, "largest RMS_t of them")                      \
    X(activation, "as LAYER_SIGNAL_LIST")                \
    X(entropy, "as LAYER_SIGNAL_LIST")                   \
    X(max_logit, "as LAYER_SIGNAL_LIST")

#define X(name, help) double name;
typedef struct BlockSignals {
    BLOCK_SIGNAL_LIST(X)
} BlockSignals;
#undef X

BlockSignals monitor_block(const Monitor *m, int64_t layer);

/* The newest row of the history if it is of update `step` and that was made; else NULL. */
const double *monitor_row(const Monitor *m, int64_t step);

#endif

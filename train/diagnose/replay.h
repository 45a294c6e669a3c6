/* Replay: a 2x2 experiment, {flagged, normal batch} x {state at the spike, earlier state}.
 *
 * This automates the experiment of PaLM (Chowdhery et al. 2022, section 5.1). Training is exactly
 * reproducible, so each of the four cells shows the effect of that batch on that state.
 *
 *     data      the flagged batch is an outlier in both states, the normal one in neither
 *     state     the normal batch is an outlier too, in the state at the spike
 *     both      the flagged batch is an outlier only in the state at the spike, where others are
 *               not
 *     neither   nothing is an outlier: the spike does not reproduce (faulty arithmetic, or a fault
 *               injected into the gradient or an op; replay repeats only faults in tokens)
 *
 * A batch is an outlier if it is more than a limit above the normal batch in the same state; a
 * state, if the normal batch is more than the limit above its value in the earlier state. The
 * measure is the flagged quantity: the loss, the logarithm of the gradient norm, or that of the
 * largest attention logit. The limit is loss_z or grad_norm_z scaled MADs, or half of the recorded
 * distance from the normal batch, if that is less. An earlier state in which even the normal batch
 * is above the limit is too far back, and is ignored. */
#ifndef TRAIN_DIAGNOSE_REPLAY_H
#define TRAIN_DIAGNOSE_REPLAY_H

#include "train/diagnose/bundle.h"

#define CULPRIT_LIST(X) \
    X(UNKNOWN, "unknown") X(DATA, "data") X(STATE, "state") X(BOTH, "both") X(NEITHER, "neither")

#define X(id, name) CULPRIT_##id,
typedef enum Culprit { CULPRIT_LIST(X) } Culprit;
#undef X

enum { STATE_BEFORE, STATE_AT, REPLAY_STATES };
enum { BATCH_BAD, BATCH_CLEAN, REPLAY_BATCHES };

typedef struct ReplayCell {
    double loss;      /* of the batch, nats per token */
    double grad_norm; /* before clipping */
    double max_logit; /* attention */
    double after;     /* loss of the normal batch after an update on this one */
} ReplayCell;

typedef struct Replay {
    int64_t step[REPLAY_STATES]; /* steps made by then; -1: no such state */
    int64_t batch_index[REPLAY_BATCHES];
    ReplayCell cell[REPLAY_STATES][REPLAY_BATCHES];
    double recorded_loss, recorded_grad_norm; /* in the run */
    const char *measure;                      /* the quantity that is compared: "loss", ... */
    double limit;                             /* in nats; of norms and logits: log of a factor */
    bool too_far;                             /* the earlier state is too far back */
    Culprit culprit;
} Replay;

/* c: the config in at.h5, perhaps with another data.path. E_FORMAT: states of another model;
 * E_DATA: the dataset does not give the bundle's tokens. */
Status replay_run(const Bundle *b, const Config *c, Replay *out);

const char *culprit_name(Culprit v);
const char *culprit_meaning(Culprit v); /* a sentence */

/* Sets the culprit from the cells: the last step of replay_run(), for tests. */
void replay_judge(const Bundle *b, const MonitorConfig *c, Replay *r);

#endif

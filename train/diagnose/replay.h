/* Replay: the flagged batch and a usual one, each met by the state at the spike and by an earlier one.
 *
 * PaLM's experiment (Chowdhery et al. 2022, section 5.1), done at once: training is exactly reproducible,
 * so each of the four cells is what that batch would have done to that state.
 *
 *     data      the flagged batch stands out in both states, the usual one in neither
 *     state     the usual batch stands out too, once the state is that at the spike
 *     both      the flagged batch stands out only with the state at the spike, which is fine otherwise
 *     neither   nothing stands out: what was recorded does not come again (faulty arithmetic, or a fault
 *               injected into the gradient or an op, which is not repeated here; one into a batch is)
 *
 * To stand out is to be more than a limit above the usual batch with the same state or, for a state, above
 * the earlier state with the usual batch. What is compared is what was flagged: the loss, the logarithm of
 * the gradient norm, or that of the largest attention logit. The limit is loss_z or grad_norm_z usual
 * spreads, or half of how far the recorded number was above the usual batch's, if that is less. An earlier
 * state for which even the usual batch is that much worse is too far back to tell, and is left out. */
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
    double loss;      /* of the batch, nats a token */
    double grad_norm; /* before clipping */
    double max_logit; /* attention */
    double after;     /* loss of the usual batch after an update on this one */
} ReplayCell;

typedef struct Replay {
    int64_t step[REPLAY_STATES]; /* updates made; -1: there is no such state */
    int64_t batch_index[REPLAY_BATCHES];
    ReplayCell cell[REPLAY_STATES][REPLAY_BATCHES];
    double recorded_loss, recorded_grad_norm; /* in the run */
    const char *measure;                      /* what the answer is about: "loss", ... */
    double limit;                             /* nats; of norms and logits: a factor's logarithm */
    bool too_far;                             /* the earlier state is too far back to tell */
    Culprit culprit;
} Replay;

/* c: the config in at.h5, perhaps with another data.path. E_FORMAT: states of another model; E_DATA: the
 * dataset does not give the bundle's tokens. */
Status replay_run(const Bundle *b, const Config *c, Replay *out);

const char *culprit_name(Culprit v);
const char *culprit_meaning(Culprit v); /* a sentence */

/* The culprit, of cells that are there: replay_run()'s last step, for tests. */
void replay_judge(const Bundle *b, const MonitorConfig *c, Replay *r);

#endif

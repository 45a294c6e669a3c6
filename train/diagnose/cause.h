/* Cause: why a loss spiked, from the measurements and by fixed rules.
 *
 *     data       the batch: garbled or shuffled text, or text of another kind
 *     numeric    a gradient or an op: faulty arithmetic, an error that does not reproduce
 *     optimizer  learning rate, warm-up or Adam's moments: updates too large for the current loss
 *                surface
 *     state      the parameters or the optimizer state were bad before this batch
 *
 * Signs of the optimizer are searched in the steps *before* the flagged one, because its batch or a
 * faulty number cannot have caused them:
 *
 *     attention  the largest logit is above attention_severe, or above attention_warn and twice its
 *                value SIGNS_BACK steps ago (Wortsman et al. 2023, arXiv:2309.14322: growth that
 *                ends in divergence)
 *     log_z      |log Z| of the output is above log_z_warn
 *     rms        RMS_t was above rms_warn in one of the SIGNS_NEAR steps before (Wortsman et al.
 *                2023, arXiv:2304.13013: it rises 1 to 8 steps before the loss)
 *     update     the update norm's robust z was above update_z in one of them (it precedes loss and
 *                gradient)
 *     climb      the median loss of these steps is more than loss_z / 2 scaled MADs above the one
 *                before
 *
 * The first matching rule names the cause. (The replay's verdict: train/diagnose/replay.h.)
 *
 *     1  the replay says data                                       data
 *     2  any sign of the optimizer                                  optimizer
 *     3  a parameter's value was not finite, or the replay says
 *        state or both                                              state
 *     4  not finite; or flagged for the gradient alone; or the
 *        replay says neither                                        numeric
 *     5  flagged for the loss                                       data
 *     6  else: flagged for attention                                optimizer
 *
 * A step that was not flagged (capstan explain RUN STEP accepts any step) has no cause. */
#ifndef TRAIN_DIAGNOSE_CAUSE_H
#define TRAIN_DIAGNOSE_CAUSE_H

#include "train/diagnose/bundle.h"
#include "train/diagnose/replay.h"

/* X(id, name, what it means) */
#define CAUSE_LIST(X)                                                                            \
    X(NONE, "none", "this step is not a spike")                                                  \
    X(DATA, "data", "the batch is bad")                                                          \
    X(NUMERIC, "numeric", "a gradient or an op is faulty, not the batch")                        \
    X(OPTIMIZER, "optimizer", "updates are too large: learning rate, warm-up or Adam's moments") \
    X(STATE, "state", "the parameters or the optimizer state were bad before this batch")

#define X(id, name, help) CAUSE_##id,
typedef enum Cause { CAUSE_LIST(X) CAUSES } Cause;
#undef X

enum { SIGNS_NEAR = 8, SIGNS_BACK = 16, CAUSE_LINES = 12, CAUSE_LINE = 400 };

/* Signs of the optimizer. */
#define SIGN_LIST(X) X(attention) X(log_z) X(rms) X(update) X(climb)
#define X(name)      SIGN_##name,
enum { SIGN_LIST(X) SIGNS };
#undef X

typedef struct Evidence {
    const char *flag;
    double loss, baseline_loss, loss_z, grad_norm, grad_norm_z;
    double value[SIGNS], baseline[SIGNS]; /* largest value before the spike; its reference */
    bool sign[SIGNS];
    double rms_warn; /* the level */
    TapeFinding finding;
    Culprit culprit; /* UNKNOWN: no replay */
    int64_t documents;
    double top_share; /* largest share of a document; NAN: unknown */
    double losers;    /* share of documents with a loss above the baseline */
} Evidence;

/* Collects the evidence. r: NULL without a replay. */
Evidence evidence_of(const Bundle *b, const Config *c, const Replay *r);

Cause cause_of(const Evidence *e);
const char *cause_name(Cause c);
const char *cause_meaning(Cause c);

/* Lines for people: the reasons for the cause, and remedies in terms of the run's settings. At most
 * CAUSE_LINES each. */
typedef struct CauseText {
    int reasons, remedies;
    char reason[CAUSE_LINES][CAUSE_LINE], remedy[CAUSE_LINES][CAUSE_LINE];
} CauseText;

void cause_text(const Bundle *b, const Evidence *e, const Config *c, const Replay *r,
                CauseText *out);

#endif

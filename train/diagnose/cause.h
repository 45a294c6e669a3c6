/* Cause: from what was measured to why a loss spiked, by rules that are written down here.
 *
 *     data       the batch: text that is garbled, shuffled, of another kind
 *     numeric    the gradient or an op: arithmetic that went wrong, a fault that does not come again
 *     optimizer  the learning rate, the warm-up or Adam's memory: updates too large for where the model is
 *     state      the parameters or the optimizer's state were bad before the batch came
 *
 * Signs of the optimizer are looked for in the steps *before* the flagged one, because a batch or a wrong
 * number cannot have caused them:
 *
 *     attention  the largest logit is above attention_severe, or above attention_warn and twice what it was
 *                SIGNS_BACK steps ago (Wortsman et al. 2023, arXiv:2309.14322: growth that ends in divergence)
 *     log_z      the output's log Z is beyond log_z_warn
 *     rms        RMS_t was above rms_warn in one of the SIGNS_NEAR steps before (Wortsman et al. 2023,
 *                arXiv:2304.13013: it rises 1 to 8 steps before the loss)
 *     update     the update norm's robust z was above update_z in one of those (it leads loss and gradient)
 *     climb      the mean loss of those is more than loss_z / 2 spreads above what it was before them
 *
 * The first rule that holds names the cause. (The replay's answer: train/diagnose/replay.h.)
 *
 *     1  the replay says data                                       data
 *     2  there is a sign of the optimizer                           optimizer
 *     3  a parameter's value was not finite, or the replay says
 *        state or both                                              state
 *     4  not finite; or flagged for the gradient alone; or the
 *        replay says neither                                        numeric
 *     5  flagged for the loss                                       data
 *     6  else: flagged for attention                                optimizer
 *
 * A step that was not flagged at all (capstan explain RUN STEP takes any) has no cause. */
#ifndef TRAIN_DIAGNOSE_CAUSE_H
#define TRAIN_DIAGNOSE_CAUSE_H

#include "train/diagnose/bundle.h"
#include "train/diagnose/replay.h"

/* X(id, name, what it means) */
#define CAUSE_LIST(X)                                                                             \
    X(NONE, "none", "this step was no spike")                                                     \
    X(DATA, "data", "the batch is what is wrong")                                                 \
    X(NUMERIC, "numeric", "a gradient or an op went wrong, not the batch")                        \
    X(OPTIMIZER, "optimizer", "the updates are too large: learning rate, warm-up, Adam's memory") \
    X(STATE, "state", "the parameters were bad before this batch came")

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
    double loss, usual_loss, loss_z, grad_norm, grad_norm_z;
    double value[SIGNS], usual[SIGNS]; /* largest before the spike; what it was held against */
    bool sign[SIGNS];
    double rms_warn; /* the level */
    TapeFinding finding;
    Culprit culprit; /* UNKNOWN: there was no replay */
    int64_t documents;
    double top_share; /* the largest of a document; NAN: not known */
    double losers;    /* share of documents that lost more than usual */
} Evidence;

/* What is known. r: NULL if there was no replay. */
Evidence evidence_of(const Bundle *b, const Config *c, const Replay *r);

Cause cause_of(const Evidence *e);
const char *cause_name(Cause c);
const char *cause_meaning(Cause c);

/* Lines for people: why that is the cause, and what to do in terms of settings, given those of the run. At
 * most CAUSE_LINES each. */
typedef struct CauseText {
    int reasons, remedies;
    char reason[CAUSE_LINES][CAUSE_LINE], remedy[CAUSE_LINES][CAUSE_LINE];
} CauseText;

void cause_text(const Bundle *b, const Evidence *e, const Config *c, const Replay *r,
                CauseText *out);

#endif

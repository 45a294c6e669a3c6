#include "train/diagnose/cause.h"

#include <math.h>
#include <string.h>

#include "train/diagnose/baseline.h"

#define X(id, name, help) name,
static const char *const names[] = {CAUSE_LIST(X)};
#undef X
#define X(id, name, help) help,
static const char *const meanings[] = {CAUSE_LIST(X)};
#undef X

const char *cause_name(Cause c)
{
    return names[c];
}

const char *cause_meaning(Cause c)
{
    return meanings[c];
}

static double newest(const History *h, int signal)
{
    return history_row(h, history_rows(h) - 1)[signal];
}

/* The largest absolute value of a column over the rows [begin, end); NAN if there is none. */
static double largest(const History *h, int64_t begin, int64_t end, int signal)
{
    double most = NAN;
    for (int64_t i = begin < 0 ? 0 : begin; i < end; i++)
        most = fmax(most, fabs(history_row(h, i)[signal]));
    return most;
}

static void set(Evidence *e, int sign, double value, double baseline, bool holds)
{
    e->value[sign] = value;
    e->baseline[sign] = baseline;
    e->sign[sign] = holds;
}

static void find_signs(Evidence *e, const History *h, const MonitorConfig *c)
{
    const int64_t last = history_rows(h) - 1, near = last > SIGNS_NEAR ? last - SIGNS_NEAR : 0,
                  back = last > SIGNS_BACK ? last - SIGNS_BACK : 0;

    const bool own =
        !strcmp(e->flag, "attention"); /* else the batch itself may cause large logits */
    const double logit = largest(h, near, last + own, SIGNAL_max_logit),
                 logit_then = history_row(h, back)[SIGNAL_max_logit];
    set(e, SIGN_attention, logit, logit_then,
        (c->attention_severe > 0 && logit > c->attention_severe) ||
            (c->attention_warn > 0 && logit > c->attention_warn && logit > 2 * logit_then));

    const double log_z = largest(h, near, last, SIGNAL_log_z);
    set(e, SIGN_log_z, log_z, fabs(history_row(h, back)[SIGNAL_log_z]),
        c->log_z_warn > 0 && log_z > c->log_z_warn);

    const Baseline rms = baseline_of(h, 0, near, SIGNAL_rms, false);
    const double most = largest(h, near, last, SIGNAL_rms);
    set(e, SIGN_rms, most, rms.median,
        e->rms_warn > 0 && most > e->rms_warn && !(most < 2 * rms.median));

    const Baseline update = baseline_of(h, 0, near, SIGNAL_update_norm, true);
    const double norm = largest(h, near, last, SIGNAL_update_norm);
    set(e, SIGN_update, norm, exp(update.median),
        update.count >= SIGNS_BACK && c->update_z > 0 &&
            baseline_log(norm) - update.median > c->update_z * fmax(update.mad, 0.05));

    const Baseline before = baseline_of(h, 0, near, SIGNAL_loss, false),
                   now = baseline_of(h, near, last, SIGNAL_loss, false);
    set(e, SIGN_climb, now.median, before.median,
        before.count >= SIGNS_BACK && now.count >= SIGNS_NEAR / 2 &&
            now.median - before.median > c->loss_z / 2 * fmax(before.mad, 0.02));
}

Evidence evidence_of(const Bundle *b, const Config *config, const Replay *r)
{
    const MonitorConfig *c = &config->monitor;
    const History *h = &b->history;
    const bool severe =
        c->attention_severe > 0 && newest(h, SIGNAL_max_logit) > c->attention_severe;
    Evidence e = {.flag = severe && !strcmp(b->flag, "none") ? BUNDLE_ATTENTION : b->flag,
                  .loss = newest(h, SIGNAL_loss),
                  .baseline_loss = b->baseline_loss,
                  .loss_z = newest(h, SIGNAL_loss_z),
                  .grad_norm = newest(h, SIGNAL_grad_norm),
                  .grad_norm_z = newest(h, SIGNAL_grad_norm_z),
                  .finding = b->finding,
                  .culprit = r ? r->culprit : CULPRIT_UNKNOWN,
                  .documents = b->documents,
                  .top_share = NAN};
    int64_t losers = 0;
    for (int64_t i = 0; i < b->documents; i++)
        e.top_share = fmax(e.top_share, b->document[i].share);
    for (int64_t i = 0; i < b->documents; i++) losers += !(b->document[i].excess <= 0);
    e.losers = b->documents ? (double)losers / (double)b->documents : NAN;
    e.rms_warn = monitor_rms_warn(c, config->optim.beta2);
    find_signs(&e, h, c);
    return e;
}

Cause cause_of(const Evidence *e)
{
    bool signs = false;
    for (int i = 0; i < SIGNS; i++) signs |= e->sign[i];
    const bool nonfinite = !strcmp(e->flag, "nonfinite"), gradient = !strcmp(e->flag, "gradient"),
               attention = !strcmp(e->flag, "attention");
    if (!strcmp(e->flag, "none")) return CAUSE_NONE;
    if (e->culprit == CULPRIT_DATA && !nonfinite) return CAUSE_DATA;
    if (signs) return CAUSE_OPTIMIZER;
    if (e->finding.found && !e->finding.in_backward && e->finding.parameter) return CAUSE_STATE;
    if (e->culprit == CULPRIT_STATE || e->culprit == CULPRIT_BOTH) return CAUSE_STATE;
    if (nonfinite || gradient || (e->culprit == CULPRIT_NEITHER && !attention))
        return CAUSE_NUMERIC;
    return attention ? CAUSE_OPTIMIZER : CAUSE_DATA;
}

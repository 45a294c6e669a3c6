/* The reasons and remedies of a cause, as text. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "layers/width.h"
#include "train/diagnose/cause.h"

__attribute__((format(printf, 2, 3))) static void reason(CauseText *t, const char *fmt, ...)
{
    va_list args;
    if (t->reasons == CAUSE_LINES) return;
    va_start(args, fmt);
    vsnprintf(t->reason[t->reasons++], CAUSE_LINE, fmt, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void remedy(CauseText *t, const char *fmt, ...)
{
    va_list args;
    if (t->remedies == CAUSE_LINES) return;
    va_start(args, fmt);
    vsnprintf(t->remedy[t->remedies++], CAUSE_LINE, fmt, args);
    va_end(args);
}

static void reason_flag(const Evidence *e, const MonitorConfig *c, CauseText *t)
{
    if (!isfinite(e->loss) && strcmp(e->flag, "nonfinite")) {
        reason(t, "no token of the batch has a loss, so the step was not judged");
        return;
    }
    if (!isfinite(e->loss))
        reason(t, "the loss is not a finite number");
    else if (isnan(e->loss_z))
        reason(t, "the loss is %.4g, baseline %.4g; it was not judged", e->loss, e->baseline_loss);
    else
        reason(t, "the loss is %.4g, baseline %.4g: z = %.1f (threshold %g)", e->loss,
               e->baseline_loss, e->loss_z, c->loss_z);
    if (!isfinite(e->grad_norm))
        reason(t, "the gradient is not finite");
    else if (!isnan(e->grad_norm_z))
        reason(t, "the gradient norm is %.4g: z of its logarithm = %.1f (threshold %g)",
               e->grad_norm, e->grad_norm_z, c->grad_norm_z);
    if (e->finding.found)
        reason(t, "the first nonfinite number is in the %s of %s in %s%s%s",
               e->finding.in_backward ? "backward" : "forward", e->finding.op, e->finding.scope,
               !e->finding.parameter    ? ""
               : e->finding.in_backward ? ", gradient of "
                                        : ", value of ",
               e->finding.parameter ? e->finding.parameter : "");
}

static void reason_signs(const Evidence *e, const MonitorConfig *c, CauseText *t)
{
    bool any = false;
    for (int i = 0; i < SIGNS; i++) any |= e->sign[i];
    if (e->sign[SIGN_attention])
        reason(
            t,
            "attention logits were growing: %.4g, from %.4g up to %d steps before (threshold %g)",
            e->value[SIGN_attention], e->baseline[SIGN_attention], SIGNS_BACK, c->attention_warn);
    if (e->sign[SIGN_log_z])
        reason(t, "log Z of the output had drifted to %.4g (threshold %g)", e->value[SIGN_log_z],
               c->log_z_warn);
    if (e->sign[SIGN_rms])
        reason(t, "RMS_t of a parameter was %.4g before the spike, baseline %.3g (threshold %g)",
               e->value[SIGN_rms], e->baseline[SIGN_rms], e->rms_warn);
    if (e->sign[SIGN_update])
        reason(t, "updates had grown before the spike: norm %.4g, baseline %.4g",
               e->value[SIGN_update], e->baseline[SIGN_update]);
    if (e->sign[SIGN_climb])
        reason(t, "the loss was already rising: %.4g over the last %d steps, %.4g before",
               e->value[SIGN_climb], SIGNS_NEAR, e->baseline[SIGN_climb]);
    if (!any && strcmp(e->flag, "none"))
        reason(t,
               "no early sign: RMS_t, updates, attention logits, log Z and the loss were at their "
               "baselines in the %d steps before",
               SIGNS_NEAR);
}

static void reason_replay(const Replay *r, CauseText *t)
{
    const ReplayCell *at = r->cell[STATE_AT];
    reason(t,
           "replay: %s: %s (in the state at the spike, this batch has loss %.4g and gradient norm "
           "%.4g; normal batch %lld has %.4g and %.4g)",
           culprit_name(r->culprit), culprit_meaning(r->culprit), at[BATCH_BAD].loss,
           at[BATCH_BAD].grad_norm, (long long)r->batch_index[BATCH_CLEAN], at[BATCH_CLEAN].loss,
           at[BATCH_CLEAN].grad_norm);
}

static void reason_documents(const Evidence *e, CauseText *t)
{
    if (isfinite(e->top_share) && !strcmp(e->flag, "loss"))
        reason(t,
               "%.0f %% of the batch's %lld documents have a loss above the baseline; one of them "
               "accounts for %.0f %% of the excess",
               100 * e->losers, (long long)e->documents, 100 * e->top_share);
}

static bool acts(const Config *c)
{
    return c->monitor.action == ACTION_skip || c->monitor.action == ACTION_rewind;
}

static void remedy_data(const Bundle *b, const Evidence *e, const Config *c, CauseText *t)
{
    const BundleDocument *d = b->document;
    if (b->documents && e->top_share > 0.25)
        remedy(
            t,
            "read document %lld of %s (tokens %lld to %lld): if it does not belong there, remove "
            "it and prepare the dataset again",
            (long long)d->document, b->split, (long long)d->token_begin, (long long)d->token_end);
    else
        remedy(t,
               "no single document is to blame: check how this part of the dataset was made, and "
               "whether it differs from the rest");
    if (!acts(c))
        remedy(t, "monitor.action: skip drops bad batches as if the data lacked them (now: %s)",
               action_text(c->monitor.action));
}

static void remedy_numeric(const Evidence *e, const Config *c, CauseText *t)
{
    if (c->optim.clip == 0)
        remedy(t, "optim.clip: 1 bounds the effect of one faulty gradient (now: off)%s",
               c->optim.beta2 >= 0.99 ? "; with this beta2 it stays in Adam's second moment for "
                                        "hundreds of steps"
                                      : "");
    if (!acts(c))
        remedy(t, "monitor.action: skip drops the batch, rewind undoes its effect (now: %s)",
               action_text(c->monitor.action));
    if (c->train.precision != PRECISION_float64 && e->finding.found)
        remedy(t, "train.precision: float64 tells overflow from faulty arithmetic: if the spike "
                  "reproduces there, it comes from the model");
    remedy(t,
           "if no fault was injected (monitor.inject: %s) and capstan replay does not reproduce "
           "it, check the machine's memory and processor",
           inject_text(c->monitor.inject));
}

static void remedy_optimizer(const Evidence *e, const Config *c, CauseText *t)
{
    const double head_width = (double)gpt_head_width(&c->model);
    const bool attention = e->sign[SIGN_attention] || !strcmp(e->flag, "attention");
    if (attention && !c->model.qk_norm)
        remedy(t, "model.qk_norm: true bounds attention logits (by %.3g here)",
               head_width * width_score_scale(&c->model));
    if (e->sign[SIGN_log_z] && c->train.z_loss == 0)
        remedy(t, "train.z_loss: 1e-4 keeps log Z near 0");
    if ((e->sign[SIGN_rms] || e->sign[SIGN_update]) && !c->optim.update_clip &&
        c->optim.optimizer != OPTIMIZER_lion)
        remedy(
            t,
            "optim.update_clip: true shortens updates whose gradient exceeds Adam's second moment");
    if ((e->sign[SIGN_rms] || e->sign[SIGN_update]) && c->optim.beta2 > 0.95)
        remedy(t, "optim.beta2: 0.95 adapts to larger gradients sooner (now: %g)", c->optim.beta2);
    remedy(t, "optim.lr: %.2g, a third of the present one; or a longer optim.warmup (now: %lld)",
           c->optim.lr / 3, (long long)c->optim.warmup);
    if (c->optim.optimizer == OPTIMIZER_muon)
        remedy(t, "optim.muon_lr: %.2g, a third of the present one", c->optim.muon_lr / 3);
    if (c->optim.clip == 0) remedy(t, "optim.clip: 1 (now: off)");
}

static void remedy_state(const Bundle *b, const Evidence *e, const Config *c, CauseText *t)
{
    if (e->finding.parameter)
        remedy(t, "%s is damaged: training cannot continue from this state", e->finding.parameter);
    if (c->monitor.action != ACTION_rewind)
        remedy(
            t,
            "monitor.action: rewind returns to an earlier state and drops the batches around the "
            "spike (now: %s)",
            action_text(c->monitor.action));
    if (b->before_step >= 0)
        remedy(t, "%s/before.h5 is the state after step %lld", b->folder,
               (long long)b->before_step);
    remedy(t, "what changed shortly before? A resume, other data, optim or data settings?");
}

void cause_text(const Bundle *b, const Evidence *e, const Config *c, const Replay *r,
                CauseText *out)
{
    *out = (CauseText){0};
    reason_flag(e, &c->monitor, out);
    reason_signs(e, &c->monitor, out);
    if (r) reason_replay(r, out);
    reason_documents(e, out);
    switch (cause_of(e)) {
    case CAUSE_DATA: remedy_data(b, e, c, out); break;
    case CAUSE_NUMERIC: remedy_numeric(e, c, out); break;
    case CAUSE_OPTIMIZER: remedy_optimizer(e, c, out); break;
    case CAUSE_STATE: remedy_state(b, e, c, out); break;
    case CAUSE_NONE: remedy(out, "nothing"); break;
    case CAUSES: break;
    }
}

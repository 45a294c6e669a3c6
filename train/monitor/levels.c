#include "train/monitor/levels.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const double BELOW = 0.8, LOG_UPDATE_FLOOR = 1e-2;

enum { LEVEL_ATTENTION, LEVEL_SEVERE, LEVEL_LOG_Z, LEVEL_UPDATE, LEVEL_RMS };

/* Whether value has just exceeded limit. NaN neither sets nor clears a level. */
static bool crossed(Monitor *m, int level, double value, double limit)
{
    const int64_t bit = INT64_C(1) << level;
    if (limit <= 0) return false;
    if (value < BELOW * limit) m->past.levels &= ~bit;
    if (!(value > limit) || m->past.levels & bit) return false;
    m->past.levels |= bit;
    return true;
}

__attribute__((format(printf, 2, 3))) static void warn(Monitor *m, const char *fmt, ...)
{
    enum { MOST = sizeof m->warnings / sizeof *m->warnings };
    va_list args;
    if (m->warning_count == MOST) return;
    va_start(args, fmt);
    vsnprintf(m->warnings[m->warning_count++], sizeof *m->warnings, fmt, args);
    va_end(args);
}

static double *newest(Monitor *m)
{
    History *h = &m->history;
    return h->data + (h->count - 1) % h->capacity * h->columns;
}

/* The largest attention logit, and its block. */
static double largest_logit(const Monitor *m, int64_t *layer)
{
    double most = NAN;
    *layer = -1;
    for (int64_t i = 0; i < m->history.layers; i++) {
        if (*layer >= 0 && !(m->stats.max_logit[i] > most)) continue;
        most = m->stats.max_logit[i];
        *layer = i;
    }
    return most;
}

static void fill_layers(const Monitor *m, double *row)
{
    const History *h = &m->history;
    for (int64_t i = 0; i < h->layers; i++) {
        row[history_layer(h, i, LAYER_activation)] = m->stats.activation[i];
        row[history_layer(h, i, LAYER_entropy)] = m->stats.entropy[i];
        row[history_layer(h, i, LAYER_max_logit)] = m->stats.max_logit[i];
    }
    for (int64_t i = 0; i < h->params && !m->judgement.no_loss; i++)
        row[history_param(h, i, PARAM_grad)] = m->norms[i];
}

void levels_measured(Monitor *m)
{
    const MonitorConfig *c = m->config;
    Judgement *j = &m->judgement;
    int64_t layer;
    double *row = history_add(&m->history);
    row[SIGNAL_step] = (double)j->step;
    row[SIGNAL_batch] = (double)j->batch_index;
    row[SIGNAL_flag] = j->finding.flag;
    row[SIGNAL_taken] = 0;
    row[SIGNAL_loss] = j->loss;
    row[SIGNAL_grad_norm] = j->grad_norm;
    row[SIGNAL_loss_z] = j->finding.loss_z;
    row[SIGNAL_grad_norm_z] = j->finding.grad_norm_z;
    if (!c->telemetry) return;
    fill_layers(m, row);
    const double logit = row[SIGNAL_max_logit] = largest_logit(m, &layer),
                 log_z = row[SIGNAL_log_z] = j->no_loss ? NAN : m->stats.log_z;

    if (j->verdict != VERDICT_TAKE) return;
    if (crossed(m, LEVEL_ATTENTION, logit, c->attention_warn))
        warn(m,
             "step %lld: an attention logit of blocks.%lld is %.1f, above monitor.attention_warn "
             "= %g: the learning rate may be too high; model.qk_norm bounds it",
             (long long)j->step, (long long)layer, logit, c->attention_warn);
    j->severe = crossed(m, LEVEL_SEVERE, logit, c->attention_severe);
    if (j->severe && !*j->message)
        snprintf(j->message, sizeof j->message,
                 "step %lld (batch %lld): an attention logit of blocks.%lld is %.0f, above "
                 "monitor.attention_severe = %g: attention has collapsed to single tokens",
                 (long long)j->step, (long long)j->batch_index, (long long)layer, logit,
                 c->attention_severe);
    if (crossed(m, LEVEL_LOG_Z, fabs(log_z), c->log_z_warn))
        warn(m,
             "step %lld: the mean log Z of the output is %.1f, beyond monitor.log_z_warn = %g: the "
             "logits drift; train.z_loss prevents it",
             (long long)j->step, log_z, c->log_z_warn);
}

/* The parameter with the largest RMS_t; NAN, which is unknown, is the smallest. */
static const UpdateStats *fill_updates(const Monitor *m, double *row, int64_t *at)
{
    const History *h = &m->history;
    double squares = 0;
    *at = 0;
    for (int64_t i = 0; i < h->params; i++) {
        const UpdateStats *u = &m->updates[i];
        row[history_param(h, i, PARAM_value)] = u->value;
        row[history_param(h, i, PARAM_update)] = u->update;
        row[history_param(h, i, PARAM_rms)] = m->judgement.no_loss ? NAN : u->rms;
        squares += u->update * u->update;
        if (u->rms > m->updates[*at].rms || isnan(m->updates[*at].rms)) *at = i;
    }
    row[SIGNAL_update_norm] = sqrt(squares);
    row[SIGNAL_rms] = m->judgement.no_loss ? NAN : m->updates[*at].rms;
    return &m->updates[*at];
}

static const char *name_of(const Monitor *m, int64_t param)
{
    const Param *one = m->named->first;
    while (param--) one = one->next;
    return one->name;
}

void levels_updated(Monitor *m, double lr, double clip)
{
    const MonitorConfig *c = m->config;
    const Judgement *j = &m->judgement;
    const bool early = j->step <= m->guard;
    double *row = newest(m);
    int64_t at;
    row[SIGNAL_taken] = 1;
    row[SIGNAL_lr] = lr;
    row[SIGNAL_clip] = clip;
    if (!c->telemetry) return;
    const double rms = fill_updates(m, row, &at)->rms, norm = row[SIGNAL_update_norm];
    if (!isfinite(norm) || j->no_loss) return;
    const double log_norm = detector_log(norm),
                 z = detector_z(&m->log_update, log_norm, LOG_UPDATE_FLOOR, c->guard);
    window_push(&m->log_update, log_norm);
    if (early) return;
    if (crossed(m, LEVEL_UPDATE, z, c->update_z))
        warn(m,
             "step %lld: the update norm is %.3g; baseline %.3g (z of its log %.1f, "
             "monitor.update_z = %g)",
             (long long)j->step, norm, exp(window_median(&m->log_update)), z, c->update_z);
    if (crossed(m, LEVEL_RMS, rms, m->rms_warn))
        warn(m,
             "step %lld: the gradient of %s is %.1f times what AdamW expects (RMS_t; "
             "monitor.rms_warn = %.3g): a smaller optim.beta2 adapts sooner; optim.update_clip "
             "shortens the update",
             (long long)j->step, name_of(m, at), rms, m->rms_warn);
}

const double *monitor_row(const Monitor *m, int64_t step)
{
    if (!m->config || !m->history.count) return NULL;
    const double *row = history_row(&m->history, history_rows(&m->history) - 1);
    return row[SIGNAL_taken] == 1 && row[SIGNAL_step] == (double)step ? row : NULL;
}

BlockSignals monitor_block(const Monitor *m, int64_t layer)
{
    const History *h = &m->history;
    const double *row = history_row(h, history_rows(h) - 1);
    double grad = 0, value = 0, update = 0, rms = NAN;
    for (int64_t i = 0; i < h->params; i++) {
        if (m->block_of[i] != layer) continue;
        const double *p = row + history_param(h, i, 0);
        grad += p[PARAM_grad] * p[PARAM_grad];
        value += p[PARAM_value] * p[PARAM_value];
        update += p[PARAM_update] * p[PARAM_update];
        rms = fmax(rms, p[PARAM_rms]);
    }
    return (BlockSignals){.grad_norm = sqrt(grad),
                          .value_norm = sqrt(value),
                          .update_ratio = sqrt(update / value),
                          .rms = rms,
                          .activation = row[history_layer(h, layer, LAYER_activation)],
                          .entropy = row[history_layer(h, layer, LAYER_entropy)],
                          .max_logit = row[history_layer(h, layer, LAYER_max_logit)]};
}

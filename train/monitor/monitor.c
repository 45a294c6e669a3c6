#include "train/monitor/monitor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/monitor/levels.h"

enum { DROPS_MAX = 4096, HISTORY_NUMBERS = 1 << 21 };

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static Status open_telemetry(Monitor *m, Arena *a, const MonitorShape *shape, const Params *p)
{
    const int64_t size = (int64_t)sizeof(double);
    m->norms = arena_zero(a, m->params * size);
    m->updates = arena_zero(a, m->params * (int64_t)sizeof *m->updates);
    m->block_of = arena_zero(a, m->params * (int64_t)sizeof *m->block_of);
    m->stats.row_loss = arena_zero(a, shape->rows * (int64_t)sizeof(real));
    double *layers = arena_zero(a, 3 * shape->layers * size);
    if (!m->norms || !m->updates || !m->block_of || !m->stats.row_loss || !layers)
        return FAIL(E_NOMEM, "the monitor's telemetry");
    if (m->config->telemetry) {
        m->stats.activation = layers;
        m->stats.entropy = layers + shape->layers;
        m->stats.max_logit = layers + 2 * shape->layers;
    }
    int64_t i = 0;
    for (const Param *one = p->first; one; one = one->next, i++)
        m->block_of[i] = strncmp(one->name, "blocks.", 7) ? -1 : strtoll(one->name + 7, NULL, 10);
    return OK;
}

Status monitor_open(Monitor *m, Arena *a, const MonitorConfig *c, const MonitorShape *shape,
                    const Params *p)
{
    *m = (Monitor){.rate = 1, .judgement = {.limit = INFINITY}};
    if (c->action == ACTION_off) return OK;
    m->config = c;
    m->named = p;
    m->rms_warn = monitor_rms_warn(c, shape->beta2);
    m->guard = larger(c->guard, shape->warmup);
    m->params = params_named(p);
    m->rows = shape->rows;
    m->drop_room = DROPS_MAX;
    m->drops = arena_zero(a, DROPS_MAX * (int64_t)sizeof *m->drops);
    if (!m->drops) return FAIL(E_NOMEM, "the monitor");
    TRY(detector_open(&m->detector, a, c, shape->steps));
    TRY(window_open(&m->log_update, a, m->detector.window));
    TRY(tally_open(&m->recent, a, MONITOR_RECENT));
    TRY(tally_open(&m->score, a, MONITOR_SCORE));
    /* A model with very many parameters has long rows: keep fewer. */
    TRY(history_open(&m->history, a, 1, shape->layers, m->params));
    const int64_t fit = HISTORY_NUMBERS / m->history.columns;
    TRY(history_open(&m->history, a, fit > MONITOR_HISTORY ? MONITOR_HISTORY : larger(fit, 8),
                     shape->layers, m->params));
    return open_telemetry(m, a, shape, p);
}

int64_t monitor_next_batch(const Monitor *m, int64_t batch_index)
{
    batch_index++;
    for (int64_t i = 0; i < m->drop_count;) {
        const BatchRange *d = &m->drops[i++];
        if (batch_index < d->from || batch_index > d->to) continue;
        batch_index = d->to + 1;
        i = 0;
    }
    return batch_index;
}

/* Records batches to drop. If there are too many, forgets the oldest: no snapshot is that old. */
static void drop(Monitor *m, int64_t from, int64_t to)
{
    from = larger(from, 1);
    for (int64_t i = 0; i < m->drop_count; i++) {
        BatchRange *d = &m->drops[i];
        if (from > d->to + 1 || to < d->from - 1) continue;
        d->from = from < d->from ? from : d->from;
        d->to = larger(to, d->to);
        return;
    }
    if (m->drop_count == m->drop_room)
        memmove(m->drops, m->drops + 1, (size_t)--m->drop_count * sizeof *m->drops);
    m->drops[m->drop_count++] = (BatchRange){from, to};
}

/* Batches to drop after the flagged one: each further attempt drops eight times as many, to get
 * past long faults. */
static int64_t drop_after(const Monitor *m)
{
    enum { MORE = 8, MOST = 200 };
    int64_t after = m->config->drop_after;
    for (int64_t i = 1; i < m->past.attempts && after && after < MOST; i++)
        after = MORE * after < MOST ? MORE * after : MOST;
    return after;
}

static Verdict rewind_or_stop(Monitor *m, Judgement *j)
{
    const MonitorConfig *c = m->config;
    MonitorPast *p = &m->past;
    if (j->step > p->last_flagged + c->guard) p->attempts = 0;
    p->last_flagged = larger(p->last_flagged, j->step);
    if (p->attempts++ >= c->attempts) {
        j->exhausted = true;
        return VERDICT_STOP;
    }
    if (p->attempts > (c->attempts + 1) / 2) m->rate *= c->lower_rate;
    drop(m, j->batch_index - c->drop_before, j->batch_index + drop_after(m));
    p->rewound++;
    return VERDICT_REWIND;
}

/* The verdict for a flagged step. exhausted: the skip budget is used up. */
static Verdict act(Monitor *m, Judgement *j, bool exhausted)
{
    const bool finite = j->finding.flag != SPIKE_NONFINITE;
    if (m->config->action == ACTION_rewind) return rewind_or_stop(m, j);
    j->exhausted = exhausted && (finite || m->config->action ==
                                               ACTION_skip); /* else the budget does not matter */
    if (!finite)
        return m->config->action == ACTION_skip && !exhausted ? VERDICT_SKIP : VERDICT_STOP;
    if (!exhausted) return m->config->action == ACTION_skip ? VERDICT_SKIP : VERDICT_TAKE;
    m->in_a_row = 0;
    detector_restart(&m->detector);
    detector_accept(&m->detector, j->loss, j->grad_norm);
    return VERDICT_TAKE;
}

static void flagged(Monitor *m, Judgement *j)
{
    const MonitorConfig *c = m->config;
    const double most = c->skip_share * MONITOR_RECENT - 1e-9;
    const bool exhausted = m->in_a_row >= c->skip_run || (double)m->in_a_row >= most ||
                           (!m->in_a_row && (double)m->recent.marked >= most);
    MonitorPast *p = &m->past;
    p->flagged++;
    j->opens = !p->episode || p->quiet >= MONITOR_EPISODE;
    if (j->opens) p->episode = j->batch_index;
    p->quiet = 0;
    m->in_a_row++;
    j->verdict = act(m, j, exhausted);
}

/* The message of a finite spike or an unusual step; run.c writes that of a nonfinite one. */
static void describe(const Monitor *m, Judgement *j)
{
    const bool loss = j->finding.flag == SPIKE_LOSS || j->finding.unusual == SPIKE_LOSS;
    const double baseline =
        loss ? window_median(&m->detector.loss) : exp(window_median(&m->detector.log_norm));
    snprintf(j->message, sizeof j->message,
             "step %lld (batch %lld): the %s is %.4g, baseline %.4g (z %.1f, rule %.16s)",
             (long long)j->step, (long long)j->batch_index, loss ? "loss" : "gradient norm",
             loss ? j->loss : j->grad_norm, baseline,
             loss ? j->finding.loss_z : j->finding.grad_norm_z, rule_text(m->config->rule));
}

static Judgement *begin(Monitor *m, int64_t step, int64_t batch_index, double loss,
                        double grad_norm)
{
    m->warning_count = 0;
    m->judgement = (Judgement){.verdict = VERDICT_TAKE,
                               .step = step,
                               .batch_index = batch_index,
                               .loss = loss,
                               .grad_norm = grad_norm,
                               .finding = {.loss_z = NAN, .grad_norm_z = NAN},
                               .limit = INFINITY};
    return &m->judgement;
}

/* The forward pass is still measured. */
const Judgement *monitor_pass(Monitor *m, int64_t step, int64_t batch_index)
{
    Judgement *j = begin(m, step, batch_index, NAN, NAN);
    j->no_loss = true;
    if (m->config) levels_measured(m);
    if (j->severe) j->opens = m->past.bundles++ < m->config->bundles;
    return j;
}

const Judgement *monitor_judge(Monitor *m, int64_t step, int64_t batch_index, double loss,
                               double grad_norm)
{
    Judgement *j = begin(m, step, batch_index, loss, grad_norm);
    if (!m->config) {
        if (isfinite(loss) && isfinite(grad_norm)) return j;
        j->finding.flag = SPIKE_NONFINITE;
        j->verdict = VERDICT_STOP;
        return j;
    }
    j->finding = detector_classify(&m->detector, loss, grad_norm, step > m->guard);
    const bool spike = j->finding.flag != SPIKE_NONE, judged = spike || !isnan(j->finding.loss_z);
    if ((spike && j->finding.flag != SPIKE_NONFINITE) || j->finding.unusual != SPIKE_NONE)
        describe(m, j);
    if (spike) {
        flagged(m, j);
    } else {
        m->past.quiet++;
        m->in_a_row = 0;
        detector_accept(&m->detector, loss, grad_norm);
    }
    tally_add(&m->recent, spike);
    if (judged) {
        m->past.judged++;
        tally_add(&m->score, spike);
    }
    if (m->config->action == ACTION_clip && j->verdict == VERDICT_TAKE) {
        j->limit = zclip_limit(&m->zclip, grad_norm);
        zclip_feed(&m->zclip, j->limit);
    }
    levels_measured(m);
    if (j->severe) j->opens = true;
    if (j->opens) j->opens = m->past.bundles++ < m->config->bundles;
    return j;
}

void monitor_updated(Monitor *m, double lr, double clip)
{
    if (m->config) levels_updated(m, lr, clip);
}

void monitor_skipped(Monitor *m)
{
    if (m->judgement.verdict == VERDICT_REWIND) m->past.rewound--; /* there was no snapshot */
    m->past.skipped++;
}

static double share(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

double monitor_score_recent(const Monitor *m)
{
    return share(m->score.marked, m->score.count);
}

double monitor_score_ever(const Monitor *m)
{
    return share(m->past.flagged, m->past.judged);
}

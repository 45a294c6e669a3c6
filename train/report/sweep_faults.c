#include "train/report/sweep_faults.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/diagnose/rerun.h"

bool faults_are_injected(const Sweep *s)
{
    for (int64_t i = 0; i < s->count; i++)
        if (strstr(s->runs[i].overrides, "monitor.inject=")) return true;
    return false;
}

InjectFault fault_injected(const FaultRun *f)
{
    return f->reported.config ? f->reported.config->monitor.inject : INJECT_none;
}

/* The number of steps on faulty batches. Skip and rewind drop those batches. */
static int64_t faulty_steps(const FaultRun *f)
{
    const MonitorConfig *c = &f->reported.config->monitor;
    return c->action == ACTION_skip || c->action == ACTION_rewind ? 0 : c->inject_count;
}

/* ---- reading */

/* Whether a line sets the fault itself. `settings` has the other lines. */
static bool sets_fault(const char *line)
{
    static const char *const keys[] = {"monitor.inject=", "monitor.inject_batch=",
                                       "monitor.inject_count=", "monitor.inject_factor="};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strncmp(line, keys[i], strlen(keys[i]))) return true;
    return false;
}

static Status name(FaultRun *f)
{
    char fault[64], settings[1024] = "";
    size_t used = 0;
    const InjectFault inject = fault_injected(f);
    const int64_t batches = inject != INJECT_none ? f->reported.config->monitor.inject_count : 1;
    snprintf(fault, sizeof fault, batches > 1 ? "%s x %lld" : "%s", inject_text(inject),
             (long long)batches);
    for (const char *at = f->run->overrides; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (!sets_fault(at) && used < sizeof settings)
            used += (size_t)snprintf(settings + used, sizeof settings - used, "%s%.*s",
                                     used ? " " : "", (int)strcspn(at, "\n"), at);
    f->fault = arena_text(&f->reported.arena, fault);
    f->settings = arena_text(&f->reported.arena, settings);
    return f->fault && f->settings ? OK : FAIL(E_NOMEM, "%s", f->reported.folder);
}

static void count_events(FaultRun *f)
{
    const RunMetrics *j = &f->reported.journal;
    for (int64_t i = 0; i < j->event_count; i++) {
        f->skipped += !strcmp(j->events[i].kind, "skipped");
        f->rewound += !strcmp(j->events[i].kind, "rewound");
        f->has_stopped |= !strcmp(j->events[i].kind, "stopped");
    }
}

static Status explain_bundle(FaultRun *f, Bundle *b, const Config *c, bool with_replay)
{
    Explanation *e = arena_zero(&f->reported.arena, sizeof *e);
    if (!e) return FAIL(E_NOMEM, "an explanation");
    TRY(explain(b, c, with_replay, NULL, e));
    f->bundle = b;
    f->explanation = e;
    return OK;
}

/* A garbled document causes no spike and so no bundle: re-runs the step. */
static Status rerun_document(FaultRun *f)
{
    Config *c;
    const Config *own = f->reported.config;
    const Status status =
        rerun_step(f->reported.folder, own->monitor.inject_batch, NULL, NULL, &f->rerun, &c);
    return status == OK ? explain_bundle(f, &f->rerun, c, false) : status;
}

static Status find_spike(FaultRun *f)
{
    const ReportData *r = &f->reported;
    if (fault_injected(f) == INJECT_document) {
        const Status status = rerun_document(f);
        return status == E_NOMEM ? status : OK;
    }
    for (int64_t i = 0; i < r->spike_count && !f->spike; i++) {
        if (!r->spikes[i].bundle) continue;
        f->spike = r->spikes[i].event;
        TRY(explain_bundle(f, r->spikes[i].bundle, r->config, true));
    }
    return OK;
}

/* ---- measuring */

/* Mean and standard deviation of the losses of steps [begin, end); NAN: there are none. */
static void loss_statistics(const RunMetrics *j, double begin, double end, double *mean,
                            double *deviation)
{
    const double *step = j->column[COLUMN_step], *loss = j->column[COLUMN_loss];
    double sum = 0, squares = 0, count = 0;
    for (int64_t i = 0; i < j->lines; i++) {
        if (!(step[i] >= begin && step[i] < end) || !isfinite(loss[i])) continue;
        sum += loss[i];
        squares += loss[i] * loss[i];
        count++;
    }
    *mean = count ? sum / count : NAN;
    *deviation = count ? sqrt(fmax(squares / count - *mean * *mean, 0)) : NAN;
}

static void measure_recovery(FaultRun *f)
{
    const RunMetrics *j = &f->reported.journal;
    const MonitorConfig *c = &f->reported.config->monitor;
    const double begin = (double)c->inject_batch, end = begin + (double)faulty_steps(f);
    double mean, deviation;
    loss_statistics(j, begin - FAULT_STEPS, begin, &mean, &deviation);
    for (int64_t i = 0; i < j->lines; i++) {
        const double step = j->column[COLUMN_step][i], loss = j->column[COLUMN_loss][i];
        if (step < end || !isfinite(loss)) continue;
        if (step == end) f->after = loss;
        if (isnan(f->recovery) && loss <= mean + deviation) f->recovery = step - end;
    }
}

static void measure(FaultRun *f)
{
    const RunMetrics *j = &f->reported.journal;
    double deviation;
    if (!j->lines) return;
    const double last = j->column[COLUMN_step][j->lines - 1];
    loss_statistics(j, last - FAULT_STEPS + 1, last + 1, &f->last_loss, &deviation);
    f->max_logit = j->column[COLUMN_max_logit][j->lines - 1];
    if (fault_injected(f) != INJECT_none && !f->has_stopped) measure_recovery(f);
}

/* ---- comparing */

/* The number of settings in which two runs differ, apart from those of the monitor. */
static int64_t distance(const Config *a, const Config *b)
{
    int64_t count = 0;
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        count += strcmp(k->section, "monitor") != 0 && !schema_equal(k, a, b);
    return count;
}

/* The most similar run without a fault on the same dataset and with the same number of steps. */
static int64_t reference_of(const FaultRun *runs, int64_t count, const FaultRun *f)
{
    const Config *c = f->reported.config;
    int64_t best = -1, least = INT64_MAX;
    if (fault_injected(f) == INJECT_none) return -1;
    for (int64_t i = 0; i < count; i++) {
        const Config *o = runs[i].reported.config;
        if (!o || fault_injected(&runs[i]) != INJECT_none || o->train.steps != c->train.steps ||
            strcmp(o->data.path, c->data.path))
            continue;
        const int64_t apart = distance(o, c);
        if (apart < least) best = i, least = apart;
    }
    return best;
}

static Status read_one(const Sweep *s, const SweepRun *run, FaultRun *f)
{
    char folder[SWEEP_PATH_MAX];
    const ReportOptions o = {.samples = 0};
    f->run = run;
    f->fault = "none";
    f->settings = run->overrides;
    f->reference = -1;
    f->after = f->recovery = f->last_loss = f->cost = f->max_logit = NAN;
    const Status status = report_data_read(&f->reported, sweep_run_path(s, run, "", folder), &o);
    if (status != OK) return status == E_NOMEM ? status : OK;
    TRY(name(f));
    count_events(f);
    measure(f);
    return find_spike(f);
}

Status faults_read(const Sweep *s, FaultRun *out)
{
    for (int64_t i = 0; i < s->count; i++) TRY(read_one(s, &s->runs[i], &out[i]));
    for (int64_t i = 0; i < s->count; i++) {
        FaultRun *f = &out[i];
        f->reference = reference_of(out, s->count, f);
        if (f->reference >= 0 && !f->has_stopped)
            f->cost = f->last_loss - out[f->reference].last_loss;
    }
    return OK;
}

void faults_close(FaultRun *runs, int64_t count)
{
    for (int64_t i = 0; runs && i < count; i++) {
        bundle_close(&runs[i].rerun);
        report_data_close(&runs[i].reported);
    }
}

/* ---- causes, JSON */

const char *fault_cause(const FaultRun *f)
{
    static const struct {
        InjectFault inject;
        Cause cause;
    } known[] = {{INJECT_random, CAUSE_DATA},
                 {INJECT_shuffle, CAUSE_DATA},
                 {INJECT_constant, CAUSE_DATA},
                 {INJECT_gradient, CAUSE_NUMERIC},
                 {INJECT_nan, CAUSE_NUMERIC}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (fault_injected(f) == known[i].inject) return cause_name(known[i].cause);
    return NULL;
}

const char *fault_found(const FaultRun *f)
{
    return cause_name(f->spike && f->explanation ? f->explanation->cause : CAUSE_NONE);
}

static json_t *fault_json(const FaultRun *f)
{
    const char *cause = fault_cause(f);
    const Explanation *e = f->explanation;
    const RunEvent *spike = f->spike;
    const Config *c = f->reported.config;
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, "
        "s:b}",
        "id", f->run->id, "fault", f->fault, "settings", json_text(f->settings), "action",
        json_text(c ? action_text(c->monitor.action) : ""), "expected",
        cause ? json_string(cause) : json_null(), "found", fault_found(f), "verdict",
        e && e->has_replay ? culprit_name(e->replay.culprit) : "", "step",
        spike ? json_integer((json_int_t)spike->step) : json_null(), "loss_z",
        json_number(spike ? spike->loss_z : NAN), "grad_norm_z",
        json_number(spike ? spike->grad_norm_z : NAN), "after", json_number(f->after), "recovery",
        json_number(f->recovery), "last_loss", json_number(f->last_loss), "cost",
        json_number(f->cost), "max_logit", json_number(f->max_logit), "skipped",
        (json_int_t)f->skipped, "rewound", (json_int_t)f->rewound, "stopped", f->has_stopped);
}

json_t *faults_json(const FaultRun *runs, int64_t count)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < count; i++)
        if (json_array_append_new(all, fault_json(&runs[i]))) {
            json_decref(all);
            return NULL;
        }
    return all;
}

#include "train/spike_response.h"

#include <string.h>

#include "data/files.h"
#include "train/snapshots.h"

static Status fill_bundle(Session *s, Bundle *b)
{
    char before[CHECKPOINT_PATH_MAX];
    TRY(session_open_bundle(s, b));
    b->run = s->folder;
    TRY(bundle_take(b, &s->run));
    TRY(snapshots_before(s, &b->before_step, before));
    return session_write_bundle(s, b, before);
}

/* Saves the bundle of the current step, if it is due one. path: relative to the run's folder; "":
 * none. */
static void save_bundle(Session *s, char path[BUNDLE_PATH_MAX])
{
    Bundle *b = &(Bundle){.before_step = -1};
    *path = '\0';
    if (!s->run.monitor.judgement.opens) return;
    if (file_saved(b->folder, fill_bundle(s, b)) == OK)
        snprintf(path, BUNDLE_PATH_MAX, "%s", b->folder + strlen(s->folder) + 1);
    else {
        session_warn(s, "no bundle", error_message());
        session_discard_bundle(s, b);
    }
    bundle_close(b);
}

/* Rewinds; skips the batch if there is nothing to rewind to. */
static void rewind_or_skip(Session *s, const char *bundle)
{
    Run *r = &s->run;
    const Judgement j = r->monitor.judgement;
    char message[sizeof j.message + 128];
    const double rate = r->monitor.rate;
    bool done;
    snapshots_rewind(s, &done);
    if (!done) {
        run_skip(r);
        session_warn(s, "warning", "there is no snapshot to go back to: the batch is skipped");
        session_spike(s, &j, "skipped", j.message, bundle);
        return;
    }
    const int length = snprintf(message, sizeof message, "%s; back to step %lld, attempt %lld",
                                j.message, (long long)r->step, (long long)r->monitor.past.attempts);
    if (rate < 1)
        snprintf(message + length, sizeof message - (size_t)length,
                 ", learning rate times %g from now on", rate);
    session_spike(s, &j, "rewound", message, bundle);
    snapshots_finish_rewind(s);
}

static Status stop(Session *s, const char *bundle)
{
    char message[1024];
    const Status status = run_stop_error(&s->run);
    snprintf(message, sizeof message, "%s", error_message() + strlen(status_text(status)) + 2);
    session_spike(s, &s->run.monitor.judgement, "stopped", message, bundle);
    return FAIL(E_NUMERIC, "%s", message);
}

static void warn_injection_missed(Session *s)
{
    char text[512];
    snprintf(text, sizeof text,
             "monitor.inject_where = %.200s: never triggered; no op of that name in this model?",
             s->config->monitor.inject_where);
    session_warn(s, "warning", text);
}

Status spike_response_act(Session *s, bool *accepted)
{
    Run *r = &s->run;
    const Judgement *j = &r->monitor.judgement;
    const bool is_spike = j->finding.flag != SPIKE_NONE;
    char path[BUNDLE_PATH_MAX];
    *accepted = j->verdict == VERDICT_TAKE;
    if (r->poisoned && j->finding.flag != SPIKE_NONFINITE &&
        j->batch_index == s->config->monitor.inject_batch)
        warn_injection_missed(s);
    if (!is_spike && !j->severe) {
        if (j->finding.unusual != SPIKE_NONE) session_unusual(s, j);
        return OK;
    }
    save_bundle(s, path);
    switch (j->verdict) {
    case VERDICT_STOP: return stop(s, path);
    case VERDICT_REWIND: rewind_or_skip(s, path); return OK;
    case VERDICT_SKIP:
        session_spike(s, j, "skipped", j->message, path);
        run_skip(r);
        return OK;
    case VERDICT_TAKE: break;
    }
    session_spike(s, j, is_spike ? "spike" : "warning", j->message, path);
    if (j->exhausted)
        session_spike(s, j, "budget",
                      "the skip budget (monitor.skip_run, monitor.skip_share) is used up: the "
                      "batch is taken, and the baseline is learned again",
                      "");
    return OK;
}

void spike_response_warn(Session *s)
{
    const Monitor *m = &s->run.monitor;
    for (int i = 0; i < m->warning_count; i++) session_warn(s, "warning", m->warnings[i]);
}

char *spike_response_summary(const Session *s, char *out, size_t size)
{
    const Monitor *m = &s->run.monitor;
    const MonitorPast *p = &m->past;
    *out = '\0';
    if (p->flagged)
        snprintf(
            out, size,
            "%lld of %lld judged steps were spikes (SpikeScore %.2f %%, recently %.2f %%): %lld "
            "skipped, %lld rewinds; see %s/events.jsonl, or capstan explain %s",
            (long long)p->flagged, (long long)p->judged, 100 * monitor_score_ever(m),
            100 * monitor_score_recent(m), (long long)p->skipped, (long long)p->rewound, s->folder,
            s->folder);
    return out;
}

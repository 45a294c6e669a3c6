#include "train/spike_response.h"

#include <string.h>
#include <unistd.h>

#include "data/files.h"
#include "train/diagnose/bundle.h"
#include "train/run/run_state.h"
#include "train/snapshots.h"

/* An earlier checkpoint under another name: it stays when the snapshots go. */
static Status keep_before(Session *s, Bundle *b)
{
    char from[CHECKPOINT_PATH_MAX], to[BUNDLE_PATH_MAX + 16];
    TRY(snapshots_before(s, &b->before_step, from));
    snprintf(to, sizeof to, "%s/before.h5", b->folder);
    return b->before_step < 0 ? OK : file_alias(from, to);
}

static Status fill_bundle(Session *s, Bundle *b)
{
    const Judgement *j = &s->run.monitor.judgement;
    char path[BUNDLE_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/spikes", s->folder);
    TRY(file_make_own_folder(path));
    bundle_path(s->folder, j->batch_index, b->folder);
    TRY(file_make_own_folder(b->folder));
    files_clean(b->folder, ""); /* of a run that was killed here */
    b->run = s->folder;
    TRY(bundle_take(b, &s->run));
    TRY(keep_before(s, b));
    snprintf(path, sizeof path, "%s/at.h5", b->folder);
    TRY(session_save_state(s, path));
    return bundle_write(b);
}

/* What there is of a bundle that could not be written takes the room of two checkpoints, and is no use. */
static void drop_rest(const Bundle *b)
{
    static const char *const names[] = {"before.h5", "at.h5"};
    char path[BUNDLE_PATH_MAX + 16];
    if (!*b->folder || bundle_is_there(b->folder)) return;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", b->folder, names[i]);
        if (file_remove(path) != OK) return;
    }
    file_calls->rmdir(b->folder);
}

/* Keeps everything of the step at hand; path: where, or "" if that failed. */
static void keep_bundle(Session *s, char path[BUNDLE_PATH_MAX])
{
    Bundle *b = &(Bundle){.before_step = -1};
    *path = '\0';
    if (!s->run.monitor.judgement.opens) return;
    if (file_saved(b->folder, fill_bundle(s, b)) == OK)
        snprintf(path, BUNDLE_PATH_MAX, "%s", b->folder + strlen(s->folder) + 1);
    else {
        session_warn(s, "no bundle", error_message());
        drop_rest(b);
    }
    bundle_close(b);
}

/* Goes back, or, if there is nothing to go back to, skips the batch. */
static void go_back(Session *s, const char *bundle)
{
    Run *r = &s->run;
    const Judgement j = r->monitor.judgement;
    char message[sizeof j.message + 128];
    const double rate = r->monitor.rate;
    bool done;
    rewind_run(s, &done);
    if (!done) {
        run_leave(r);
        session_warn(s, "warning", "there is no snapshot to go back to: the batch is skipped");
        session_spike(s, &j, "skipped", j.message, bundle);
        return;
    }
    const int length = snprintf(message, sizeof message, "%s; back to step %lld, attempt %lld",
                                j.message, (long long)r->step, (long long)r->monitor.past.attempts);
    if (rate < 1)
        snprintf(message + length, sizeof message - (size_t)length,
                 ", learning rate times %g from here on", rate);
    session_spike(s, &j, "rewound", message, bundle);
    rewind_settle(s);
}

static Status stopped(Session *s, const char *bundle)
{
    char message[1024];
    const Status status = run_stopped(&s->run);
    snprintf(message, sizeof message, "%s", error_message() + strlen(status_text(status)) + 2);
    session_spike(s, &s->run.monitor.judgement, "stopped", message, bundle);
    return FAIL(E_NUMERIC, "%s", message);
}

static void warn_of_injection(Session *s)
{
    char text[512];
    snprintf(text, sizeof text,
             "monitor.inject_where = %.200s: never triggered; no op of that name in this model?",
             s->config->monitor.inject_where);
    session_warn(s, "warning", text);
}

Status spikes_act(Session *s, bool *taken)
{
    Run *r = &s->run;
    const Judgement *j = &r->monitor.judgement;
    const bool is_spike = j->finding.flag != SPIKE_NONE;
    char path[BUNDLE_PATH_MAX];
    *taken = j->verdict == VERDICT_TAKE;
    if (r->poisoned && j->finding.flag != SPIKE_NONFINITE &&
        j->batch_index == s->config->monitor.inject_batch)
        warn_of_injection(s);
    if (!is_spike && !j->severe) return OK;
    keep_bundle(s, path);
    switch (j->verdict) {
    case VERDICT_STOP: return stopped(s, path);
    case VERDICT_REWIND: go_back(s, path); return OK;
    case VERDICT_SKIP:
        session_spike(s, j, "skipped", j->message, path);
        run_leave(r);
        return OK;
    case VERDICT_TAKE: break;
    }
    session_spike(s, j, is_spike ? "spike" : "warning", j->message, path);
    if (j->exhausted)
        session_spike(
            s, j, "budget",
            "the skip budget (monitor.skip_run, monitor.skip_share) is used up: the batch is "
            "taken, "
            "and the baseline is learned again",
            "");
    return OK;
}

void spikes_warn(Session *s)
{
    const Monitor *m = &s->run.monitor;
    for (int i = 0; i < m->warning_count; i++) session_warn(s, "warning", m->warnings[i]);
}

char *spikes_summary(const Session *s, char *out, size_t size)
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

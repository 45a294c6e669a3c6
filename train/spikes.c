#include "train/spikes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/monitor/bundle.h"
#include "train/rewind.h"
#include "train/run_state.h"

static Status make_folder(const char *path)
{
    char safe[BUNDLE_PATH_MAX];
    if (!mkdir(path, 0777) || errno == EEXIST) return OK;
    return FAIL(E_IO, "cannot make %s: %s", text_escape(path, safe, sizeof safe), strerror(errno));
}

/* An earlier checkpoint under another name: it stays when the snapshots go. */
static Status keep_before(Session *s, Bundle *b)
{
    char from[CHECKPOINT_PATH_MAX], to[BUNDLE_PATH_MAX + 16];
    TRY(snapshots_before(s, &b->before_step, from));
    snprintf(to, sizeof to, "%s/before.h5", b->folder);
    return b->before_step < 0 ? OK : file_alias(from, to);
}

static Status fill_bundle(Session *s, Bundle *b, const char *action)
{
    const Judgement *j = &s->run.monitor.judgement;
    char path[BUNDLE_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/spikes", s->folder);
    TRY(make_folder(path));
    bundle_path(s->folder, j->draw, b->folder);
    TRY(make_folder(b->folder));
    b->run = s->folder;
    TRY(bundle_take(b, &s->run));
    b->action = action;
    TRY(keep_before(s, b));
    snprintf(path, sizeof path, "%s/at.h5", b->folder);
    TRY(run_state_save(&s->run, path));
    return bundle_write(b);
}

/* Keeps everything of the step at hand; *path: where, or "" if that failed, which is no reason to stop. */
static Status keep_bundle(Session *s, const char *action, char path[BUNDLE_PATH_MAX])
{
    Bundle *b = &(Bundle){.before_step = -1};
    *path = '\0';
    if (!s->run.monitor.judgement.opens) return OK;
    const Status status = fill_bundle(s, b, action);
    if (status == OK) snprintf(path, BUNDLE_PATH_MAX, "%s", b->folder + strlen(s->folder) + 1);
    bundle_close(b);
    return status == OK ? OK : session_warn(s, "no bundle", error_message());
}

/* The name of what was done, for bundles and for the journal. */
static const char *action_of(const Session *s)
{
    const Judgement *j = &s->run.monitor.judgement;
    switch (j->verdict) {
    case VERDICT_SKIP: return "skipped";
    case VERDICT_REWIND: return "rewound";
    case VERDICT_STOP: return "stopped";
    default: return j->limit < j->grad_norm ? "clipped" : "taken";
    }
}

/* Goes back, or, if there is nothing to go back to, skips the batch. */
static Status go_back(Session *s, const char *bundle)
{
    Run *r = &s->run;
    const Judgement j = r->monitor.judgement;
    char message[sizeof j.message + 128];
    bool done;
    const double rate = r->monitor.rate;
    TRY(rewind_run(s, &done));
    if (!done) {
        run_leave(r);
        TRY(session_warn(s, "warning", "there is no snapshot to go back to: the batch is skipped"));
        return log_spike(&s->log, &j, "skipped", j.message, bundle);
    }
    int length = snprintf(message, sizeof message, "%s; back to step %lld, attempt %lld", j.message,
                          (long long)r->step, (long long)r->monitor.past.attempts);
    if (rate < 1)
        snprintf(message + length, sizeof message - (size_t)length,
                 ", the learning rate times %g from now on", rate);
    progress_note(&s->progress, "rewound: %s", message);
    TRY(log_spike(&s->log, &j, "rewound", message, bundle));
    return rewind_settle(s);
}

static Status spike(Session *s)
{
    Run *r = &s->run;
    const Judgement *j = &r->monitor.judgement;
    const char *action = action_of(s);
    char path[BUNDLE_PATH_MAX];
    TRY(keep_bundle(s, action, path));
    switch (j->verdict) {
    case VERDICT_REWIND: return go_back(s, path);
    case VERDICT_SKIP:
        progress_note(&s->progress, "skipped: %s", j->message);
        TRY(log_spike(&s->log, j, action, j->message, path));
        run_leave(r);
        return OK;
    case VERDICT_STOP: {
        const Status status = run_stopped(r);
        char message[1024];
        snprintf(message, sizeof message, "%s", error_message() + strlen(status_text(status)) + 2);
        TRY(log_spike(&s->log, j, action, message, path));
        return FAIL(E_NUMERIC, "%s", message);
    }
    case VERDICT_TAKE: break;
    }
    if (j->finding.flag == SPIKE_NONE) { /* a level is crossed, far */
        progress_note(&s->progress, "warning: %s", j->message);
        return log_spike(&s->log, j, "warning", j->message, path);
    }
    progress_note(&s->progress, "spike: %s", j->message);
    TRY(log_spike(&s->log, j, "spike", j->message, path));
    if (!j->exhausted) return OK;
    progress_note(&s->progress, "too many in a row, or of late: this is now taken as usual");
    return log_spike(&s->log, j, "budget",
                     "monitor.skip_run and monitor.skip_share allow no more: the batch is taken, "
                     "and what is usual is learnt anew",
                     "");
}

Status spikes_act(Session *s, bool *taken)
{
    const Judgement *j = &s->run.monitor.judgement;
    const bool is_spike = j->finding.flag != SPIKE_NONE;
    *taken = j->verdict == VERDICT_TAKE;
    return is_spike || j->severe ? spike(s) : OK;
}

Status spikes_warn(Session *s)
{
    const Monitor *m = &s->run.monitor;
    for (int i = 0; i < m->warning_count; i++) TRY(session_warn(s, "warning", m->warnings[i]));
    return OK;
}

char *spikes_summary(const Session *s, char *out, size_t size)
{
    const Monitor *m = &s->run.monitor;
    const MonitorPast *p = &m->past;
    *out = '\0';
    if (p->flagged)
        snprintf(
            out, size,
            "%lld of %lld judged steps were spikes (SpikeScore %.2f %%, of late %.2f %%): %lld "
            "skipped, %lld rewinds; see %s/events.jsonl, or capstan explain %s",
            (long long)p->flagged, (long long)p->judged, 100 * monitor_score_ever(m),
            100 * monitor_score_recent(m), (long long)p->skipped, (long long)p->rewound, s->folder,
            s->folder);
    return out;
}

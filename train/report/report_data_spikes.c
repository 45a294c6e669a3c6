#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/monitor/monitor.h"
#include "train/report/report_data_parts.h"

/* What the monitor has judged has a class; "none" with a bundle is attention that went too far. */
static bool is_flagged(const JournalEvent *e)
{
    return *e->flag && strcmp(e->flag, "none") && strcmp(e->kind, "budget");
}

static bool is_spike(const JournalEvent *e)
{
    return is_flagged(e) || *e->bundle;
}

/* What is wrong with a bundle is no reason to have no report. */
static Status read_bundle(Reported *r, ReportedSpike *s)
{
    char path[PATH_MAX];
    Bundle *b = arena_zero(&r->arena, sizeof *b);
    Explanation *e = arena_zero(&r->arena, sizeof *e);
    if (!b || !e) return FAIL(E_NOMEM, "a bundle");
    if ((size_t)snprintf(path, sizeof path, "%s/%s", r->folder, s->event->bundle) >= sizeof path)
        return OK;
    Status status = bundle_read(b, path);
    if (status == OK) status = explain(b, r->config, false, NULL, e);
    if (status == OK) {
        s->bundle = b;
        s->explanation = e;
        return OK;
    }
    bundle_close(b);
    s->why_not = arena_text(&r->arena, error_message());
    return status == E_NOMEM || !s->why_not ? FAIL(E_NOMEM, "a bundle") : OK;
}

/* Bundles are in the run's folder; a journal of somebody else's might say otherwise. */
static bool is_inside(const char *path)
{
    return !strncmp(path, "spikes/", 7) && !strstr(path, "..");
}

Status reported_spikes(Reported *r)
{
    const Journal *j = &r->journal;
    r->spikes = arena_zero(&r->arena, (j->event_count + 1) * (int64_t)sizeof *r->spikes);
    if (!r->spikes) return FAIL(E_NOMEM, "%lld events", (long long)j->event_count);
    for (int64_t i = 0; i < j->event_count; i++) {
        if (!is_spike(&j->events[i])) continue;
        ReportedSpike *s = &r->spikes[r->spike_count++];
        *s = (ReportedSpike){.event = &j->events[i], .why_not = ""};
        r->spikes_flagged += is_flagged(s->event);
        if (r->config && is_inside(s->event->bundle)) TRY(read_bundle(r, s));
    }
    return OK;
}

int64_t reported_spike_leader(const Reported *r, int64_t i)
{
    int64_t leader = i;
    while (leader && !*r->spikes[leader].event->bundle &&
           llabs(r->spikes[leader].event->batch_index - r->spikes[leader - 1].event->batch_index) <=
               MONITOR_EPISODE)
        leader--;
    return *r->spikes[leader].event->bundle ? leader : i;
}

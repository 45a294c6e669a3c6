#include "train/diagnose/explain.h"

#include <string.h>

#include "train/monitor/monitor.h"

Status spike_score_read(const CheckpointReader *r, SpikeScore *s)
{
    const void *past, *marks;
    int64_t count, judged;
    *s = (SpikeScore){0};
    TRY(checkpoint_list(r, "monitor_past", NUMBER_I64, &count, &past));
    TRY(checkpoint_list(r, "monitor_score", NUMBER_U8, &judged, &marks));
    if (!past || count != (int64_t)(sizeof(MonitorPast) / sizeof(int64_t))) return OK;
    const MonitorPast *p = past;
    *s = (SpikeScore){.judged = p->judged,
                      .flagged = p->flagged,
                      .skipped = p->skipped,
                      .rewound = p->rewound,
                      .recent = marks ? judged : 0};
    for (int64_t i = 0; i < s->recent; i++)
        s->recent_flagged += ((const unsigned char *)marks)[i] != 0;
    return OK;
}

Status explain(Bundle *b, const Config *c, bool with_replay, const SpikeScore *score,
               Explanation *e)
{
    *e = (Explanation){.bundle = b, .config = c};
    if (score) e->score = *score;
    if (with_replay) {
        const Status status = replay_run(b, c, &e->replay);
        if (status == E_NOMEM) return status;
        e->has_replay = status == OK;
        snprintf(e->no_replay, sizeof e->no_replay, "%s", status == OK ? "" : error_message());
    } else {
        snprintf(e->no_replay, sizeof e->no_replay, "not requested");
    }
    TRY(onset_find(&b->history, &b->arena, &e->onset, &e->onsets));
    e->evidence = evidence_of(b, c, e->has_replay ? &e->replay : NULL);
    e->cause = cause_of(&e->evidence);
    cause_text(b, &e->evidence, c, e->has_replay ? &e->replay : NULL, &e->text);
    return OK;
}

const char *onset_signal(const Onset *o)
{
    static const char *const layer[] = {"activation", "attention entropy", "attention logit"},
                             *const param[] = {"gradient", "value", "update", "RMS_t"};
    _Static_assert(sizeof layer / sizeof *layer == LAYER_SIGNALS &&
                       sizeof param / sizeof *param == PARAM_SIGNALS,
                   "a name for each");
    return o->is_param ? param[o->signal] : layer[o->signal];
}

const char *onset_part(const Bundle *b, const Onset *o, char out[PARAM_NAME_MAX + 16])
{
    if (o->is_param)
        snprintf(out, PARAM_NAME_MAX + 16, "%.*s", PARAM_NAME_MAX, b->param_names[o->index]);
    else
        snprintf(out, PARAM_NAME_MAX + 16, "blocks.%lld", (long long)o->index);
    return out;
}

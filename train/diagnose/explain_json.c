/* What capstan explain --json and replay --json print. */
#include "train/diagnose/explain.h"

static json_t *lines(int count, const char all[][CAUSE_LINE])
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++) json_array_append_new(array, json_text(all[i]));
    return array;
}

static json_t *documents(const Bundle *b)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < b->documents; i++)
        json_array_append_new(all, record_write(bundle_document_keys, &b->document[i]));
    return all;
}

static json_t *onsets(const Explanation *e)
{
    char part[PARAM_NAME_MAX + 16];
    json_t *all = json_array();
    for (int64_t i = 0; all && i < e->onsets; i++) {
        const Onset *o = &e->onset[i];
        json_array_append_new(all,
                              json_pack("{s:I, s:o, s:s, s:o, s:o}", "step", (json_int_t)o->step,
                                        "part", json_text(onset_part(e->bundle, o, part)), "signal",
                                        onset_signal(o), "usual", json_number(o->baseline),
                                        "furthest", json_number(o->value)));
    }
    return all;
}

json_t *replay_json(const Replay *r)
{
    static const char *const states[] = {"before", "at"}, *const batches[] = {"flagged", "normal"};
    json_t *cells = json_array();
    for (int state = 0; cells && state < REPLAY_STATES; state++)
        for (int batch = 0; batch < REPLAY_BATCHES && r->step[state] >= 0; batch++) {
            const ReplayCell *c = &r->cell[state][batch];
            json_array_append_new(
                cells,
                json_pack("{s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o}", "state", states[state],
                          "step", (json_int_t)r->step[state], "kind", batches[batch], "batch",
                          (json_int_t)r->batch_index[batch], "loss", json_number(c->loss),
                          "grad_norm", json_number(c->grad_norm), "max_logit",
                          json_number(c->max_logit), "loss_after", json_number(c->after)));
        }
    return json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:o, s:o}", "verdict",
                     culprit_name(r->culprit), "meaning", culprit_meaning(r->culprit), "measure",
                     r->measure, "limit", json_number(r->limit), "too_far", r->too_far,
                     "recorded_loss", json_number(r->recorded_loss), "recorded_grad_norm",
                     json_number(r->recorded_grad_norm), "cells", cells);
}

json_t *spike_score_json(const SpikeScore *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "judged", (json_int_t)s->judged, "flagged",
                     (json_int_t)s->flagged, "recent_judged", (json_int_t)s->recent,
                     "recent_flagged", (json_int_t)s->recent_flagged, "skipped",
                     (json_int_t)s->skipped, "rewound", (json_int_t)s->rewound);
}

json_t *explain_json(const Explanation *e)
{
    const Bundle *b = e->bundle;
    const Evidence *v = &e->evidence;
    return json_pack(
        "{s:o, s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, "
        "s:o, s:o, s:o}",
        "bundle", json_text(b->folder), "step", (json_int_t)b->step, "batch",
        (json_int_t)b->batch_index, "flag", v->flag, "rule", b->rule, "action", b->action,
        "message", json_text(b->message), "loss", json_number(v->loss), "usual_loss",
        json_number(v->baseline_loss), "loss_z", json_number(v->loss_z), "grad_norm",
        json_number(v->grad_norm), "grad_norm_z", json_number(v->grad_norm_z), "cause",
        cause_name(e->cause), "meaning", cause_meaning(e->cause), "reasons",
        lines(e->text.reasons, e->text.reason), "remedies", lines(e->text.remedies, e->text.remedy),
        "documents", documents(b), "onsets", onsets(e), "replay",
        e->has_replay ? replay_json(&e->replay) : json_null(), "spike_score",
        spike_score_json(&e->score));
}

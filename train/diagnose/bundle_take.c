/* A bundle of the step that a run is at. */
#include <math.h>
#include <string.h>

#include "train/diagnose/bundle.h"

/* The median of the losses accepted before; without enough of them, the mean loss of a token. */
static double usual_loss(const Run *r)
{
    const double median = window_median(&r->monitor.detector.loss);
    return isfinite(median) ? median : isfinite(r->loss) ? r->loss : 0;
}

static Status copy_history(Bundle *b, const History *h)
{
    const int64_t rows = history_rows(h);
    TRY(history_open(&b->history, &b->arena, rows ? rows : 1, h->layers, h->params));
    for (int64_t i = 0; i < rows; i++)
        memcpy(history_add(&b->history), history_row(h, i),
               (size_t)h->columns * sizeof *b->history.data);
    return OK;
}

Status bundle_take(Bundle *b, const Run *r)
{
    const Monitor *m = &r->monitor;
    const Judgement *j = &m->judgement;
    if (!m->config)
        return FAIL(E_CONFIG, "monitor.action = off: nothing was measured; any other action is "
                              "needed to explain a step");
    b->step = j->step;
    b->batch_index = j->batch_index;
    b->flag = j->severe && j->finding.flag == SPIKE_NONE ? BUNDLE_ATTENTION
                                                         : spike_class_name(j->finding.flag);
    b->rule = rule_text(m->config->rule);
    b->action = j->verdict == VERDICT_SKIP     ? "skipped"
                : j->verdict == VERDICT_REWIND ? "rewound"
                : j->verdict == VERDICT_STOP   ? "stopped"
                : j->limit < j->grad_norm      ? "clipped"
                                               : "taken";
    b->message = arena_text(&b->arena, j->message);
    b->finding = r->finding;
    b->usual_loss = usual_loss(r);
    if (!b->message) return FAIL(E_NOMEM, "a bundle");
    TRY(bundle_documents(b, r, m->stats.row_loss));
    TRY(copy_history(b, &m->history));
    return bundle_params(b, &r->params);
}

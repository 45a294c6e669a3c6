/* Sections of a sweep that injects faults: curves, effects, causes, explanations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/report/sweep_page.h"

enum { LABEL = 160, STEPS_BEFORE = 30, DOCUMENTS_SHOWN = 8 };

static bool is_same_fault(const FaultRun *a, const FaultRun *b)
{
    return !strcmp(a->fault, b->fault);
}

/* ---- curves */

static PlotSeries curve(const FaultRun *f, int column, const char *name)
{
    const RunMetrics *j = &f->reported.journal;
    return (PlotSeries){.kind = PLOT_LINE,
                        .name = name,
                        .x = j->column[COLUMN_step],
                        .y = j->column[column],
                        .count = j->lines};
}

/* One curve per reference run of f's fault, then one per run with that fault. */
static int64_t collect(Page *p, const SweepPage *s, const FaultRun *f, int column,
                       PlotSeries *series)
{
    const int64_t count = s->sweep.count;
    int64_t used = 0;
    for (int64_t r = 0; r < count; r++) {
        bool is_needed = false;
        for (int64_t i = 0; i < count; i++)
            is_needed |= is_same_fault(&s->faults[i], f) && s->faults[i].reference == r;
        if (is_needed)
            series[used++] =
                curve(&s->faults[r], column, page_text(p, "no fault: %s", s->faults[r].settings));
    }
    for (int64_t i = 0; i < count; i++)
        if (is_same_fault(&s->faults[i], f))
            series[used++] = curve(&s->faults[i], column,
                                   *s->faults[i].settings ? s->faults[i].settings : f->fault);
    return used;
}

static void plot_fault(Page *p, const SweepPage *s, const FaultRun *f, int column,
                       const char *title, const char *label, bool is_log)
{
    PlotSeries *series = arena_zero(&p->arena, (2 * s->sweep.count + 1) * (int64_t)sizeof *series);
    const Config *c = f->reported.config;
    const int64_t begin = c ? c->monitor.inject_batch : 0;
    if (!series || p->status != OK) return;
    const int64_t used = collect(p, s, f, column, series);
    page_plot(p, page_text(p, "fault-%s-%s", f->fault, label),
              &(Plot){.title = title,
                      .x_label = "step",
                      .y_label = label,
                      .y_log = is_log,
                      .x_min = begin ? (double)(begin - STEPS_BEFORE) : 0,
                      .x_max = begin ? (double)c->train.steps : 0,
                      .series = series,
                      .series_count = used});
}

static void plot_faults(Page *p, const SweepPage *s)
{
    fputs("<div class=\"plots\">\n", p->out);
    for (int64_t i = 0; i < s->sweep.count; i++) {
        const FaultRun *f = &s->faults[i];
        int64_t first = 0;
        while (!is_same_fault(&s->faults[first], f)) first++;
        if (first < i) continue;
        if (fault_injected(f) != INJECT_none) {
            plot_fault(p, s, f, COLUMN_loss, page_text(p, "Fault: %s", f->fault), "training loss",
                       false);
            continue;
        }
        plot_fault(p, s, f, COLUMN_loss, "No fault injected: training loss", "training loss",
                   false);
        plot_fault(p, s, f, COLUMN_max_logit, "No fault injected: largest attention logit",
                   "attention logit", true);
    }
    fputs("</div>\n", p->out);
}

/* ---- the table */

static void outcome(Page *p, const FaultRun *f)
{
    fputs("<td class=\"whole\">", p->out);
    if (f->has_stopped) fputs("stopped ", p->out);
    if (f->skipped) html_print(p->out, "%lld skipped ", (long long)f->skipped);
    if (f->rewound) html_print(p->out, "%lld rewound", (long long)f->rewound);
    fputs("</td>", p->out);
}

static void found(Page *p, const FaultRun *f)
{
    const char *expected = fault_cause(f), *cause = fault_found(f);
    const Explanation *e = f->explanation;
    const bool is_wrong = expected && strcmp(expected, cause);
    html_print(p->out, "<td class=\"whole\"><span class=\"tag%s\">%s</span>",
               is_wrong ? " warn" : " soft", f->spike ? cause : "no spike");
    if (f->spike && e && e->has_replay)
        html_print(p->out, " (replay: %s)", culprit_name(e->replay.culprit));
    fputs("</td>", p->out);
}

static void table_row(Page *p, const FaultRun *f)
{
    const RunEvent *e = f->spike;
    html_print(p->out, "<tr><td class=\"whole\">%s</td><td>%s</td>", f->fault, f->settings);
    page_number(p, e ? (double)e->step : NAN, 6);
    page_number(p, e ? e->loss : NAN, 4);
    page_number(p, e ? e->loss_z : NAN, 3);
    page_number(p, e ? e->grad_norm_z : NAN, 3);
    page_number(p, f->after, 4);
    page_number(p, f->recovery, 4);
    page_number(p, f->has_stopped ? NAN : f->last_loss, 4);
    page_number(p, f->cost, 2);
    page_number(p, f->max_logit, 3);
    outcome(p, f);
    found(p, f);
    fputs("</tr>\n", p->out);
}

static void table(Page *p, const SweepPage *s)
{
    fputs(
        "<h2>Effects</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>fault</th><th>other settings"
        "</th><th class=\"n\">spike at step</th><th class=\"n\">loss</th><th class=\"n\">z</th>"
        "<th class=\"n\">gradient z</th><th class=\"n\">next loss</th><th class=\"n\">recovery"
        "</th><th class=\"n\">final loss</th><th class=\"n\">cost</th><th class=\"n\">logit</th>"
        "<th>action</th><th>cause found</th></tr></thead>\n<tbody>\n",
        p->out);
    for (int64_t i = 0; i < s->sweep.count; i++) table_row(p, &s->faults[i]);
    html_print(p->out,
               "</tbody></table></div>\n<p class=\"soft\">Spike at step: the first spike that the "
               "monitor kept. Next loss: of the first sound batch after the fault. Recovery: steps "
               "until a loss is at most one standard deviation above the mean of the %d before. "
               "Final loss: mean of the last %d steps. Cost: final loss minus that of the run "
               "without a fault that has the same optimizer settings. Logit: the largest attention "
               "logit at the end. Losses are training losses in nats per token.</p>\n",
               FAULT_STEPS, FAULT_STEPS);
}

/* ---- causes */

/* The label of a fault; runs without a fault are distinguished by their learning rate. */
static void cause_label(const SweepPage *s, const FaultRun *f, char label[LABEL])
{
    const Config *c = f->reported.config;
    const FaultRun *first = s->faults;
    while (first < f && fault_injected(first) != INJECT_none) first++;
    const Config *baseline = first->reported.config;
    const bool differs =
        fault_injected(f) == INJECT_none && c && baseline && c->optim.lr != baseline->optim.lr;
    if (differs)
        snprintf(label, LABEL, "none, learning rate %g", c->optim.lr);
    else
        snprintf(label, LABEL, "%s", f->fault);
}

static void cause_row(Page *p, const SweepPage *s, const char *label)
{
    int64_t count[CAUSES] = {0};
    char other[LABEL];
    for (int64_t i = 0; i < s->sweep.count; i++) {
        const FaultRun *f = &s->faults[i];
        cause_label(s, f, other);
        if (!strcmp(other, label))
            count[f->spike && f->explanation ? f->explanation->cause : CAUSE_NONE]++;
    }
    html_print(p->out, "<tr><td>%s</td>", label);
    for (int c = 0; c < CAUSES; c++)
        html_print(p->out, "<td class=\"n\">%lld</td>", (long long)count[c]);
    fputs("</tr>\n", p->out);
}

static void causes(Page *p, const SweepPage *s)
{
    int64_t right = 0, known = 0;
    fputs("<h2>Causes found</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>injected \\ found"
          "</th>",
          p->out);
    for (int c = 0; c < CAUSES; c++)
        html_print(p->out, "<th class=\"n\">%s</th>", c ? cause_name((Cause)c) : "no spike");
    fputs("</tr></thead>\n<tbody>\n", p->out);
    for (int64_t i = 0; i < s->sweep.count; i++) {
        char label[LABEL], other[LABEL];
        int64_t first = 0;
        const char *expected = fault_cause(&s->faults[i]);
        known += expected != NULL;
        right += expected && !strcmp(expected, fault_found(&s->faults[i]));
        cause_label(s, &s->faults[i], label);
        for (; first < i; first++) {
            cause_label(s, &s->faults[first], other);
            if (!strcmp(label, other)) break;
        }
        if (first == i) cause_row(p, s, label);
    }
    html_print(p->out,
               "</tbody></table></div>\n<p>The cause is right in %lld of %lld runs with a fault in "
               "the data or the arithmetic.</p>\n",
               (long long)right, (long long)known);
}

/* ---- explanations */

static void explanation(Page *p, const FaultRun *f)
{
    char *text = NULL;
    size_t size;
    if (!f->explanation) return;
    FILE *out = open_memstream(&text, &size);
    if (out) explain_print(f->explanation, DOCUMENTS_SHOWN, out);
    if (!out || !text_close(out, &text)) p->status = FAIL(E_NOMEM, "a report");
    if (p->status == OK)
        html_print(p->out, "<details><summary>%s%s%s</summary><pre>%s</pre></details>\n", f->fault,
                   *f->settings ? ", " : "", f->settings, text);
    free(text);
}

void sweep_faults(Page *p, const SweepPage *s)
{
    fputs("<p>Faults were injected into these runs (monitor.inject) to study how training and the "
          "monitor react.</p>\n",
          p->out);
    plot_faults(p, s);
    table(p, s);
    causes(p, s);
    fputs("<h2>Explanations</h2>\n<p>The output of <code>capstan explain</code> for the first "
          "spike of each run, and for the batch with a garbled document.</p>\n",
          p->out);
    for (int64_t i = 0; i < s->sweep.count; i++) explanation(p, &s->faults[i]);
}

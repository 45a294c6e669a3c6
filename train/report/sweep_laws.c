/* Section of a sweep: its laws, their back-tests, and held-out runs. */
#include <math.h>

#include "train/plot/axis.h"
#include "train/report/sweep_page.h"

static void law_row(Page *p, const char *name, const FitValue *v)
{
    char value[TICK_LABEL], low[TICK_LABEL], high[TICK_LABEL];
    html_print(p->out, "<tr><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s to %s</td></tr>\n",
               name, axis_number(v->value, 5, value), axis_number(v->low, 4, low),
               axis_number(v->high, 4, high));
}

static void law_table(Page *p, const FitResult *f)
{
    html_print(p->out, "<h3>%s: %s</h3>\n<div class=\"wide\"><table>\n", law_name(f->law),
               law_text(f->law));
    html_print(p->out,
               "<thead><tr><th></th><th class=\"n\">value</th><th class=\"n\">%.0f %%</th></tr>"
               "</thead>\n<tbody>\n",
               100 * f->level);
    for (int i = 0; i < f->count; i++) law_row(p, law_parameter(f->law, i), &f->value[i]);
    html_print(p->out, "</tbody></table></div>\n<p class=\"soft\">%lld points",
               (long long)f->points);
    if (f->draws) html_print(p->out, ", %lld bootstrap samples", (long long)f->draws);
    if (f->law == LAW_FRONTIER)
        fputs(". L: loss at the largest budget; b: exponent of the FLOPs there; l: bend of the "
              "curve",
              p->out);
    fputs(".</p>\n", p->out);
}

/* The law's predictions for held-out runs beside their outcomes. */
static void held_out(Page *p, const SweepPage *s)
{
    if (!s->held) return;
    fputs("<h3>Held-out runs</h3>\n<div class=\"wide\"><table>\n<thead><tr><th "
          "class=\"n\">FLOPs</th><th class=\"n\">parameters</th><th class=\"n\">tokens</th><th "
          "class=\"n\">outcome</th><th class=\"n\">law</th><th>interval for one run</th><th></th>"
          "</tr></thead>\n<tbody>\n",
          p->out);
    for (int64_t i = 0; i < s->points.held_count; i++) {
        const LawPoint *q = &s->points.held[i];
        const FitPrediction *f = &s->held[i];
        fputs("<tr>", p->out);
        page_number(p, q->flops, 3);
        page_number(p, q->params, 3);
        page_number(p, q->tokens, 3);
        page_number(p, q->loss, 5);
        page_number(p, f->loss.value, 5);
        if (isfinite(f->run.low))
            html_print(p->out, "<td>%.4f to %.4f</td><td>%s</td></tr>\n", f->run.low, f->run.high,
                       fit_is_within(f, q->loss) ? "within" : "outside");
        else
            fputs("<td></td><td></td></tr>\n", p->out);
    }
    html_print(
        p->out,
        "</tbody></table></div>\n<p class=\"soft\">If the law holds, %.0f %% of the runs lie "
        "within the interval."
        "</p>\n",
        100 * s->law.level);
}

static void backtest_row(Page *p, const Backtest *b, const BacktestRow *row)
{
    html_print(p->out, "<tr><td>%s</td><td class=\"n\">%lld</td>", law_name(b->law),
               (long long)row->budgets);
    page_number(p, row->flops, 3);
    page_number(p, row->outcome, 5);
    page_number(p, row->predicted.value, 5);
    if (isfinite(row->predicted.low))
        html_print(p->out, "<td>%.4f to %.4f</td><td>%s</td></tr>\n", row->predicted.low,
                   row->predicted.high, row->is_inside ? "within" : "outside");
    else
        fputs("<td></td><td></td></tr>\n", p->out);
}

/* What the laws of the smallest budgets predict for the next one. */
static void backtests(Page *p, const SweepPage *s)
{
    if (!s->backtest[0].count && !s->backtest[1].count) return;
    fputs("<h3>Back-test</h3>\n<div class=\"wide\"><table>\n<thead><tr><th>law</th><th "
          "class=\"n\">budgets</th><th class=\"n\">next, FLOPs</th><th class=\"n\">outcome</th><th "
          "class=\"n\">law</th><th>interval for one run</th><th></th></tr></thead>\n<tbody>\n",
          p->out);
    for (int i = 0; i < 2; i++)
        for (int64_t k = 0; k < s->backtest[i].count; k++)
            backtest_row(p, &s->backtest[i], &s->backtest[i].row[k]);
    fputs("</tbody></table></div>\n<p class=\"soft\">The law of the smallest budgets predicts the "
          "next one.</p>\n",
          p->out);
    for (int i = 0; i < 2; i++)
        if (backtest_missed_all(&s->backtest[i]))
            html_print(p->out, "<p>%s has missed all of its own sweep.</p>\n",
                       law_name(s->backtest[i].law));
}

static void law_or_not(Page *p, bool found, const FitResult *f, const char *of, const char *why)
{
    if (found)
        law_table(p, f);
    else
        html_print(p->out, "<p>No law for %s: %s.</p>\n", of, why);
}

void sweep_laws(Page *p, const SweepPage *s)
{
    fputs("<h2>Laws</h2>\n", p->out);
    law_or_not(p, s->has_law, &s->law, "the loss", s->no_law);
    if (s->passed_over)
        html_print(p->out, "<p class=\"soft\">Passed over: %s.</p>\n", s->passed_over);
    held_out(p, s);
    backtests(p, s);
    if (s->has_form && s->law.law != s->form.law) law_table(p, &s->form);
    law_or_not(p, s->has_minima, &s->minima, "the minima", s->no_minima);
    law_or_not(p, s->has_envelope, &s->envelope, "the training curves", s->no_envelope);
    if (s->has_envelope)
        fputs("<p class=\"soft\">From the training curves above. <code>capstan fit --law "
              "approach1</code> on a sweep uses final validation losses instead: the runs of one "
              "size form a curve.</p>\n",
              p->out);
}

/* Sections: the key figures of a run, or a table that compares several runs. */
#include <math.h>
#include <string.h>

#include "train/plot/axis.h"
#include "train/report/page.h"
#include "train/support/clock.h"

static void tile(Page *p, double x, int digits, const char *name, const char *more)
{
    char text[TICK_LABEL];
    html_print(p->out, "<div><span>%s</span><b>%s</b><span>%s</span></div>\n", name,
               isfinite(x) ? axis_number(x, digits, text) : "\xE2\x80\x93", more);
}

/* "4 layers of width 128, 4 heads, context 128 ..." */
static void lead(Page *p, const ReportData *r)
{
    const Config *c = r->config;
    if (!c) return;
    html_print(p->out, "<p class=\"soft\">%lld layers of width %lld, %lld heads, context %lld",
               (long long)c->model.layers, (long long)c->model.width, (long long)c->model.heads,
               (long long)c->model.context);
    if (r->vocab_size) html_print(p->out, ", vocabulary %lld", (long long)r->vocab_size);
    html_print(p->out, "; %s, %s, %s positions; batches of %lld x %lld tokens from %s</p>\n",
               mlp_text(c->model.mlp), norm_text(c->model.norm), positions_text(c->model.positions),
               (long long)c->train.batch, (long long)c->model.context, c->data.path);
}

void page_tiles(Page *p, const ReportData *r)
{
    const ReportSummary s = report_summary(r);
    char text[TICK_LABEL];
    lead(p, r);
    fputs("<div class=\"tiles\">\n", p->out);
    if (isfinite(s.best_val_loss))
        tile(p, s.best_val_loss, 5, "best validation loss",
             page_text(p, "at step %lld; perplexity %s", (long long)s.best_step,
                       axis_number(exp(s.best_val_loss), 3, text)));
    tile(p, s.loss, 5, "training loss", "mean of the last log lines");
    if (r->parameters)
        tile(p, (double)r->parameters, 3, "parameters",
             page_text(p, "%s without embeddings",
                       axis_number((double)r->parameters_non_embedding, 3, text)));
    tile(p, s.tokens, 3, "tokens",
         s.step < 0 ? "no step has been logged"
         : s.steps  ? page_text(p, "%lld of %lld steps: %s", (long long)s.step, (long long)s.steps,
                                s.state)
                    : page_text(p, "%lld steps", (long long)s.step));
    tile(p, s.tokens_per_second, 3, "tokens per second",
         page_text(p, "%s of training", duration_text(s.seconds)));
    if (r->flops_per_token > 0 && isfinite(s.tokens))
        html_print(p->out, "<div><span>FLOPs</span><b>%.2e</b><span>%.3g per token</span></div>\n",
                   r->flops_per_token * s.tokens, r->flops_per_token);
    tile(p, (double)r->spikes_flagged, 4, "spikes",
         r->spike_count ? "causes below" : "flagged by the monitor");
    fputs("</div>\n", p->out);
}

static void comparison_row(Page *p, const ReportData *r, int64_t i, const ReportSummary *s,
                           bool is_best)
{
    html_print(p->out,
               "<tr%s><td><span class=\"swatch c%d\"></span><a href=\"#run-%lld\">%s</a></td>",
               is_best ? " class=\"best\"" : "", (int)(i % PLOT_COLORS) + 1, (long long)i + 1,
               r->name);
    page_number(p, r->parameters ? (double)r->parameters : NAN, 3);
    page_number(p, s->tokens, 3);
    page_number(p, s->step >= 0 ? (double)s->step : NAN, 4);
    page_number(p, s->loss, 4);
    page_number(p, s->val_loss, 5);
    page_number(p, s->best_val_loss, 5);
    page_number(p, s->best_step >= 0 ? (double)s->best_step : NAN, 4);
    page_number(p, s->tokens_per_second, 3);
    html_print(p->out, "<td class=\"n\">%s</td>", duration_text(s->seconds));
    page_number(p, (double)r->spikes_flagged, 4);
    html_print(p->out, "<td>%s</td></tr>\n", s->state);
}

void page_comparison(Page *p, const ReportData *runs, int64_t count)
{
    double best = NAN;
    for (int64_t i = 0; i < count; i++) best = fmin(best, report_summary(&runs[i]).best_val_loss);
    fputs("<div class=\"wide\"><table>\n<thead><tr><th>run</th><th class=\"n\">parameters</th><th "
          "class=\"n\">tokens</th><th class=\"n\">steps</th><th class=\"n\">training loss</th><th "
          "class=\"n\">validation</th><th class=\"n\">best</th><th class=\"n\">at step</th><th "
          "class=\"n\">tokens/s</th><th class=\"n\">time</th><th class=\"n\">spikes</th><th>state"
          "</th></tr></thead>\n<tbody>\n",
          p->out);
    for (int64_t i = 0; i < count; i++) {
        const ReportSummary s = report_summary(&runs[i]);
        comparison_row(p, &runs[i], i, &s, s.best_val_loss == best);
    }
    fputs("</tbody></table></div>\n<p class=\"soft\">Losses in nats per token. Validation: the "
          "last evaluation, and the best. Training: the mean of the last log lines.</p>\n",
          p->out);
}

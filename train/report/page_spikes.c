/* Section: spikes that the monitor detected, with their cause where a bundle was kept. */
#include <math.h>
#include <string.h>

#include "train/plot/axis.h"
#include "train/report/page.h"

enum { ROWS_SHOWN = 200, FOLLOWERS_SHOWN = 100, DOCUMENTS_SHOWN = 3, ONSETS_SHOWN = 5 };

static void lines(Page *p, const char *title, int count, const char all[][CAUSE_LINE])
{
    if (!count) return;
    html_print(p->out, "<p>%s</p>\n<ul>\n", title);
    for (int i = 0; i < count; i++) html_print(p->out, "<li>%s</li>\n", all[i]);
    fputs("</ul>\n", p->out);
}

static void documents(Page *p, const Bundle *b)
{
    if (!b->documents) return;
    fputs(
        "<div class=\"wide\"><table>\n<thead><tr><th class=\"n\">document</th><th class=\"n\">loss"
        "</th><th class=\"n\">tokens</th><th class=\"n\">share</th><th>text</th></tr></thead>"
        "\n<tbody>\n",
        p->out);
    for (int64_t i = 0; i < b->documents && i < DOCUMENTS_SHOWN; i++) {
        const BundleDocument *d = &b->document[i];
        html_print(p->out, "<tr><td class=\"n\">%lld</td>", (long long)d->document);
        page_number(p, d->loss, 4);
        html_print(p->out, "<td class=\"n\">%lld</td><td class=\"n\">", (long long)d->rows);
        if (isfinite(d->share)) html_print(p->out, "%.1f %%", 100 * d->share);
        html_print(p->out, "</td><td><code>%s</code></td></tr>\n", d->text);
    }
    fputs("</tbody></table></div>\n", p->out);
}

static void onsets(Page *p, const Explanation *e)
{
    char part[PARAM_NAME_MAX + 16];
    if (!e->onsets) return;
    fputs("<p>Signals that left their normal range, in this order:</p>\n<ul>\n", p->out);
    for (int64_t i = 0; i < e->onsets && i < ONSETS_SHOWN; i++) {
        const Onset *o = &e->onset[i];
        html_print(p->out, "<li>step %lld: %s of %s, baseline %.4g, reached %.4g</li>\n",
                   (long long)o->step, onset_signal(o), onset_part(e->bundle, o, part), o->baseline,
                   o->value);
    }
    fputs("</ul>\n", p->out);
}

static void explanation(Page *p, const ReportData *r, const ReportSpike *s)
{
    const Explanation *e = s->explanation;
    html_print(p->out, "<details><summary>%s</summary>\n", cause_meaning(e->cause));
    lines(p, "Why:", e->text.reasons, e->text.reason);
    lines(p, "What to do:", e->text.remedies, e->text.remedy);
    documents(p, s->bundle);
    onsets(p, e);
    html_print(p->out,
               "<p>Full explanation, with a replay: <code>capstan explain %s %lld</code></p>",
               r->folder, (long long)s->event->step);
    fputs("</details>", p->out);
}

/* "step 250 (batch 250): the loss ..." without the step and batch, which other columns show. 0.1
 * wrote "update". */
static const char *message(const RunEvent *e)
{
    const bool has_step = !strncmp(e->message, "update ", 7) || !strncmp(e->message, "step ", 5);
    const char *end = has_step ? strstr(e->message, "): ") : NULL;
    return end ? end + 3 : e->message;
}

static const char *action(const RunEvent *e)
{
    return strcmp(e->kind, "spike") ? e->kind : "taken";
}

static void followers(Page *p, const ReportData *r, int64_t i, int64_t end)
{
    if (end - i < 2) return;
    html_print(p->out,
               "<details><summary>and %lld more up to step %lld, in the same bundle</summary>"
               "<ul>\n",
               (long long)(end - i - 1), (long long)r->spikes[end - 1].event->step);
    for (int64_t k = i + 1; k < end && k - i <= FOLLOWERS_SHOWN; k++)
        html_print(p->out, "<li>%lld, %s: %s</li>\n", (long long)r->spikes[k].event->step,
                   action(r->spikes[k].event), message(r->spikes[k].event));
    if (end - i - 1 > FOLLOWERS_SHOWN) fputs("<li>...</li>\n", p->out);
    fputs("</ul></details>", p->out);
}

/* Spike i of run k, and the spikes up to `end` that share its bundle. */
static void row(Page *p, const ReportData *runs, int64_t count, int64_t k, int64_t i, int64_t end)
{
    const ReportData *r = &runs[k];
    const ReportSpike *s = &r->spikes[i];
    const RunEvent *e = s->event;
    html_print(p->out, "<tr id=\"spike-%lld-%lld\">", (long long)k + 1, (long long)i + 1);
    if (count > 1)
        html_print(p->out, "<td><span class=\"swatch c%d\"></span>%s</td>",
                   (int)(k % PLOT_COLORS) + 1, r->name);
    html_print(p->out,
               "<td class=\"n\">%lld</td><td>%s</td><td><span class=\"tag%s\">%s</span></td>",
               (long long)e->step, *e->flag && strcmp(e->flag, "none") ? e->flag : "attention",
               s->explanation ? " warn" : " soft",
               s->explanation ? cause_name(s->explanation->cause) : "not kept");
    page_number(p, e->loss, 4);
    page_number(p, e->loss_z, 3);
    page_number(p, e->grad_norm, 4);
    page_number(p, e->grad_norm_z, 3);
    html_print(p->out, "<td>%s</td><td>%s", action(e), message(e));
    if (s->explanation) explanation(p, r, s);
    if (*s->why_not) html_print(p->out, "<p class=\"warn\">%s</p>", s->why_not);
    followers(p, r, i, end);
    fputs("</td></tr>\n", p->out);
}

void page_spikes(Page *p, const ReportData *runs, int64_t count)
{
    int64_t all = 0, shown = 0;
    for (int64_t k = 0; k < count; k++) all += runs[k].spike_count;
    if (!all) return;
    fputs("<h2 id=\"spikes\">Spikes</h2>\n<div class=\"wide\"><table>\n<thead><tr>", p->out);
    if (count > 1) fputs("<th>run</th>", p->out);
    fputs("<th class=\"n\">step</th><th>flagged for</th><th>cause</th><th class=\"n\">loss</th><th "
          "class=\"n\">z</th><th class=\"n\">gradient</th><th class=\"n\">z</th><th>action</th>"
          "<th>message</th></tr></thead>\n<tbody>\n",
          p->out);
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0, end; i < runs[k].spike_count && shown < ROWS_SHOWN; i = end, shown++) {
            for (end = i + 1; end < runs[k].spike_count; end++)
                if (report_spike_leader(&runs[k], end) == end) break;
            row(p, runs, count, k, i, end);
        }
    fputs("</tbody></table></div>\n", p->out);
    if (shown == ROWS_SHOWN) fputs("<p class=\"soft\">events.jsonl has the others.</p>\n", p->out);
}

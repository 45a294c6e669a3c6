/* Sections: samples, config, provenance. */
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/report/page.h"

enum { EVENTS_SHOWN = 200 };

static void samples(Page *p, const ReportData *r)
{
    fputs("<div class=\"samples\">\n", p->out);
    for (int64_t i = 0; i < r->sample_count; i++)
        html_print(p->out, "<pre><span class=\"prompt\">%s</span>%s</pre>\n", r->samples[i].prompt,
                   r->samples[i].text);
    fputs("</div>\n", p->out);
}

void page_samples(Page *p, const ReportData *runs, int64_t count)
{
    bool any = false;
    for (int64_t i = 0; i < count; i++) any |= runs[i].sample_count > 0 || *runs[i].no_samples;
    if (!any) return;
    fputs("<h2 id=\"samples\">Samples</h2>\n", p->out);
    for (int64_t i = 0; i < count; i++) {
        const ReportData *r = &runs[i];
        if (count > 1) html_print(p->out, "<h3>%s</h3>\n", r->name);
        if (r->sample_count) {
            html_print(p->out, "<p class=\"soft\">After %lld steps (%s), temperature 0.8.</p>\n",
                       (long long)r->checkpoint_step, r->checkpoint);
            samples(p, r);
        } else if (*r->no_samples)
            html_print(p->out, "<p class=\"soft\">No samples: %s.</p>\n", r->no_samples);
    }
}

static bool is_set(const Config *c, const Key *k)
{
    return strcmp(c->origin[k - config_keys], "default") != 0;
}

/* The settings that differ from the defaults, or were set explicitly. */
static void settings_of_one(Page *p, const ReportData *r)
{
    char value[TEXT_MAX], fallback[TEXT_MAX];
    if (!r->config) return;
    fputs("<div class=\"wide\"><table>\n<thead><tr><th>setting</th><th>value</th><th>default</th>"
          "<th>set in</th></tr></thead>\n<tbody>\n",
          p->out);
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        if (is_set(r->config, k))
            html_print(p->out,
                       "<tr><td>%s.%s</td><td>%s</td><td class=\"soft\">%s</td><td>%s</td></tr>\n",
                       k->section, k->name, config_value(r->config, k, value, sizeof value),
                       config_value(r->defaults, k, fallback, sizeof fallback),
                       r->config->origin[k - config_keys]);
    fputs("</tbody></table></div>\n", p->out);
}

static bool differs(const ReportData *runs, int64_t count, const Key *k)
{
    const Config *first = NULL;
    for (int64_t i = 0; i < count; i++) {
        if (!runs[i].config) continue;
        if (first && !schema_equal(k, first, runs[i].config)) return true;
        first = runs[i].config;
    }
    return false;
}

static void settings_of_several(Page *p, const ReportData *runs, int64_t count)
{
    char value[TEXT_MAX];
    fputs("<div class=\"wide\"><table>\n<thead><tr><th>differs</th>", p->out);
    for (int64_t i = 0; i < count; i++)
        html_print(p->out, "<th><span class=\"swatch c%d\"></span>%s</th>",
                   (int)(i % PLOT_COLORS) + 1, runs[i].name);
    fputs("</tr></thead>\n<tbody>\n", p->out);
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        if (!differs(runs, count, k)) continue;
        html_print(p->out, "<tr><td>%s.%s</td>", k->section, k->name);
        for (int64_t i = 0; i < count; i++)
            html_print(p->out, "<td>%s</td>",
                       runs[i].config ? config_value(runs[i].config, k, value, sizeof value) : "?");
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody></table></div>\n", p->out);
}

static void whole_config(Page *p, const ReportData *r)
{
    char *text = NULL;
    size_t size;
    if (!r->config) return;
    FILE *out = open_memstream(&text, &size);
    if (out && config_write(r->config, true, out) != OK) p->status = E_NOMEM;
    if (!out || !text_close(out, &text)) p->status = FAIL(E_NOMEM, "a report");
    if (p->status == OK)
        html_print(p->out,
                   "<details><summary>All settings of %s</summary><pre>%s</pre></details>\n",
                   r->name, text);
    free(text);
}

void page_config(Page *p, const ReportData *runs, int64_t count)
{
    fputs("<h2 id=\"config\">Config</h2>\n", p->out);
    if (count == 1)
        settings_of_one(p, runs);
    else
        settings_of_several(p, runs, count);
    for (int64_t i = 0; i < count; i++) whole_config(p, &runs[i]);
}

static void command_line(Page *p, const ReportData *r)
{
    char value[TEXT_MAX];
    bool any = false;
    for (const Key *k = config_keys; r->config && k < config_keys + config_key_count; k++) {
        if (strcmp(r->config->origin[k - config_keys], "command line")) continue;
        fputs(any ? " " : "<tr><th>command line</th><td><code>", p->out);
        html_print(p->out, "%s.%s=%s", k->section, k->name,
                   config_value(r->config, k, value, sizeof value));
        any = true;
    }
    if (any) fputs("</code></td></tr>\n", p->out);
}

static void events(Page *p, const ReportData *r)
{
    const RunMetrics *j = &r->journal;
    if (!j->event_count) return;
    html_print(p->out, "<details><summary>RunMetrics: %lld events</summary><pre>",
               (long long)j->event_count);
    for (int64_t i = 0; i < j->event_count && i < EVENTS_SHOWN; i++)
        html_print(p->out, "step %-8lld %s: %s\n", (long long)j->events[i].step, j->events[i].kind,
                   j->events[i].message);
    if (j->event_count > EVENTS_SHOWN) fputs("...\n", p->out);
    fputs("</pre></details>\n", p->out);
}

void page_provenance(Page *p, const ReportData *runs, int64_t count)
{
    fputs("<h2 id=\"provenance\">Provenance</h2>\n", p->out);
    for (int64_t i = 0; i < count; i++) {
        const ReportData *r = &runs[i];
        if (count > 1)
            html_print(p->out, "<h3 id=\"run-%lld\">%s</h3>\n", (long long)i + 1, r->name);
        fputs("<div class=\"wide\"><table><tbody>\n", p->out);
        html_print(p->out, "<tr><th>folder</th><td>%s</td></tr>\n", r->folder);
        if (!r->config)
            html_print(p->out, "<tr><th>config</th><td class=\"warn\">%s</td></tr>\n",
                       r->no_config);
        command_line(p, r);
        if (r->config)
            html_print(p->out, "<tr><th>dataset</th><td>%s%s%s</td></tr>\n", r->config->data.path,
                       *r->dataset ? ", digest " : "", r->dataset);
        if (r->has_checkpoint)
            html_print(p->out,
                       "<tr><th>machine</th><td>%s, OpenBLAS for %s</td></tr>\n<tr><th>checkpoint"
                       "</th><td>checkpoints/%s, step %lld</td></tr>\n",
                       r->config ? precision_text(r->config->train.precision) : r->precision,
                       r->core, r->checkpoint, (long long)r->checkpoint_step);
        if (r->journal.broken)
            html_print(p->out,
                       "<tr><th>journal</th><td class=\"warn\">%lld lines could not be read"
                       "</td></tr>\n",
                       (long long)r->journal.broken);
        if (r->config)
            html_print(p->out,
                       "<tr><th>to repeat</th><td><code>capstan train %s/config.yaml --run "
                       "NAME</code></td></tr>\n",
                       r->folder);
        fputs("</tbody></table></div>\n", p->out);
        events(p, r);
    }
}

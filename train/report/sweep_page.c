#include "train/report/sweep_page.h"

#include <math.h>
#include <string.h>

#include "train/plot/axis.h"
#include "train/report/report.h"
#include "train/report/report_data.h"

static const FitOptions options = {.huber = 1e-3, .bootstraps = 1000, .level = 0.9};

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
    html_print(
        p->out,
        "</tbody></table></div>\n<p class=\"soft\">%lld points, %lld bootstrap samples.</p>\n",
        (long long)f->points, (long long)f->draws);
}

const char *sweep_compute_label(Page *p, const SweepPage *s)
{
    return page_text(p, "FLOPs (%s)", s->sweep.flops);
}

static void residuals(Page *p, const SweepPage *s)
{
    const int64_t count = s->points.count;
    double *x = page_numbers(p, count), *y = page_numbers(p, count);
    if (!s->law.residual || !x || !y) return;
    for (int64_t i = 0; i < count; i++) {
        x[i] = s->points.point[i].flops;
        y[i] = 100 * s->law.residual[i];
    }
    page_plot(p, "residuals",
              &(Plot){.title = "Residuals of the law",
                      .x_label = sweep_compute_label(p, s),
                      .y_label = "residual, %",
                      .x_log = true,
                      .series =
                          &(PlotSeries){
                              .kind = PLOT_POINTS, .name = "runs", .x = x, .y = y, .count = count},
                      .series_count = 1});
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
    held_out(p, s);
    law_or_not(p, s->has_minima, &s->minima, "the minima", s->no_minima);
    law_or_not(p, s->has_envelope, &s->envelope, "the training curves", s->no_envelope);
    if (s->has_envelope)
        fputs("<p class=\"soft\">From the training curves above. <code>capstan fit --law "
              "approach1</code> on a sweep uses final validation losses instead: the runs of one "
              "size form a curve.</p>\n",
              p->out);
}

void sweep_runs(Page *p, const SweepPage *s)
{
    fputs("<h2>Runs</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>run</th><th class=\"n\">"
          "budget</th><th class=\"n\">parameters</th><th class=\"n\">tokens</th><th class=\"n\">"
          "tokens per parameter</th><th class=\"n\">FLOPs</th><th class=\"n\">loss</th><th>state"
          "</th><th>settings</th></tr></thead>\n<tbody>\n",
          p->out);
    for (int64_t i = 0; i < s->sweep.count; i++) {
        const SweepRun *r = &s->sweep.runs[i];
        html_print(p->out, "<tr><td><code>%s</code></td>", r->id);
        page_number(p, r->budget > 0 ? r->budget : NAN, 3);
        page_number(p, (double)r->params, 3);
        page_number(p, (double)r->tokens, 3);
        page_number(p, r->params ? (double)r->tokens / (double)r->params : NAN, 3);
        page_number(p, r->flops, 3);
        page_number(p, r->loss, 5);
        html_print(p->out, "<td>%s%s%s%s</td><td>%s</td></tr>\n", sweep_state_name(r->state),
                   r->held_out ? ", held out" : "", *r->reason ? ": " : "", r->reason,
                   r->overrides);
    }
    fputs("</tbody></table></div>\n", p->out);
}

/* The sections of a sweep without faults. */
static void sections(Page *p, const SweepPage *s)
{
    sweep_isoflops(p, s);
    sweep_envelope(p, s);
    fputs("<div class=\"plots\">\n", p->out);
    sweep_compute(p, s);
    if (s->has_law) residuals(p, s);
    sweep_rates(p, s);
    fputs("</div>\n", p->out);
    sweep_laws(p, s);
}

static void write_page(Page *p, const void *context)
{
    const SweepPage *s = context;
    int64_t count[SWEEP_STATES] = {0};
    FlopsKind kind;
    for (int64_t i = 0; i < s->sweep.count; i++) count[s->sweep.runs[i].state]++;
    const char *name = report_name(&p->arena, s->sweep.folder);
    html_begin(page_text(p, "Sweep %s", name ? name : s->sweep.folder), p->out);
    html_print(p->out, "<p class=\"soft\">%lld runs:", (long long)s->sweep.count);
    for (int i = 0; i < SWEEP_STATES; i++)
        if (count[i])
            html_print(p->out, " %lld %s", (long long)count[i], sweep_state_name((SweepState)i));
    html_print(p->out, ". FLOPs are counted by the convention %s%s%s.</p>\n", s->sweep.flops,
               flops_find(s->sweep.flops, &kind) ? ": " : "",
               flops_find(s->sweep.flops, &kind) ? flops_text(kind) : "");
    if (s->faults)
        sweep_faults(p, s);
    else
        sections(p, s);
    sweep_runs(p, s);
    html_print(p->out,
               "<details><summary>Definition of the grid</summary><pre>%s</pre></details>\n",
               s->sweep.config);
    html_end(p->out);
}

/* Fits a law. If the points do not support one, *found is false, `why` the reason, and the result
 * OK. */
static Status fit(SweepPage *s, LawKind law, const Points *points, bool *found, FitResult *f,
                  char why[512])
{
    const Status status = fit_law(law, points->point, points->count, &options, &s->arena, f);
    *found = status == OK;
    if (status == OK) return OK;
    const char *message = error_message(), *colon = strstr(message, ": ");
    snprintf(why, 512, "%s", colon ? colon + 2 : message); /* without the kind of error */
    return status == E_NOMEM ? E_NOMEM : OK;
}

static Status read_faults(SweepPage *s)
{
    s->faults = arena_zero(&s->arena, s->sweep.count * (int64_t)sizeof *s->faults);
    if (!s->faults) return FAIL(E_NOMEM, "the faults of a sweep");
    return faults_read(&s->sweep, s->faults);
}

static Status read_laws(SweepPage *s, const char *sweep)
{
    Points curves = {0};
    const Status status = points_read_sweep(&s->points, sweep, &s->arena);
    if (status != OK) {
        if (status != E_DATA) return status;
        s->points = (Points){0};
    }
    TRY(sweep_read_curves(s));
    TRY(sweep_curve_points(s, &curves, &s->arena));
    TRY(fit(s, LAW_CHINCHILLA, &s->points, &s->has_law, &s->law, s->no_law));
    TRY(fit(s, LAW_APPROACH2, &s->points, &s->has_minima, &s->minima, s->no_minima));
    TRY(fit(s, LAW_APPROACH1, &curves, &s->has_envelope, &s->envelope, s->no_envelope));
    if (!s->has_law || !s->points.held_count) return OK;
    return fit_predict_all(&s->law, s->points.held, s->points.held_count, &s->arena, &s->held);
}

static Status read_all(SweepPage *s, const char *sweep)
{
    TRY(sweep_store_read(sweep, &s->sweep));
    return faults_are_injected(&s->sweep) ? read_faults(s) : read_laws(s, sweep);
}

Status report_sweep(const char *sweep, const char *path, const char *svg, FILE *out,
                    json_t **faults)
{
    char page[SWEEP_PATH_MAX + 16];
    SweepPage s = {.has_law = false};
    Status status = read_all(&s, sweep);
    snprintf(page, sizeof page, "%s/report.html", s.sweep.folder);
    if (status == OK) status = page_make(path ? path : page, svg, write_page, &s);
    if (status == OK && out) fprintf(out, "report: %s\n", path ? path : page);
    if (status == OK && faults && s.faults) {
        *faults = faults_json(s.faults, s.sweep.count);
        if (!*faults) status = FAIL(E_NOMEM, "the faults of a sweep");
    }
    if (s.faults) faults_close(s.faults, s.sweep.count);
    sweep_close(&s.sweep);
    arena_free(&s.arena);
    return status;
}

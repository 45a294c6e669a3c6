#include "train/report/sweep_page.h"

#include <math.h>
#include <string.h>

#include "train/plot/axis.h"
#include "train/report/report.h"
#include "train/report/report_data.h"
#include "train/scaling/default_law.h"

static const FitOptions options = {.huber = 1e-3,
                                   .bootstraps = 1000,
                                   .simulations = 150,
                                   .level = 0.9};

const char *sweep_compute_label(Page *p, const SweepPage *s)
{
    return page_text(p, "FLOPs (%s)", s->sweep.flops);
}

static void residuals(Page *p, const SweepPage *s)
{
    const int64_t count = s->points.count;
    double *x = page_numbers(p, count), *y = page_numbers(p, count);
    if (!s->has_form || !x || !y) return;
    for (int64_t i = 0; i < count; i++) {
        x[i] = s->points.point[i].flops;
        y[i] = 100 * s->form.residual[i];
    }
    page_plot(p, "residuals",
              &(Plot){.title = page_text(p, "Residuals of the law %s", law_name(s->form.law)),
                      .x_label = sweep_compute_label(p, s),
                      .y_label = "residual, %",
                      .x_log = true,
                      .series =
                          &(PlotSeries){
                              .kind = PLOT_POINTS, .name = "runs", .x = x, .y = y, .count = count},
                      .series_count = 1});
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
    residuals(p, s);
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

/* The last error, without its kind. */
static void tell_why(char why[512])
{
    const char *message = error_message(), *colon = strstr(message, ": ");
    snprintf(why, 512, "%s", colon ? colon + 2 : message);
}

/* Fits a law. If the points do not support one, *found is false, `why` the reason, and the result
 * OK. */
static Status fit(SweepPage *s, LawKind law, const Points *points, bool *found, FitResult *f,
                  char why[512])
{
    const Status status = fit_law(law, points->point, points->count, &options, &s->arena, f);
    *found = status == OK;
    if (status == OK) return OK;
    tell_why(why);
    return status == E_NOMEM ? E_NOMEM : OK;
}

static Status read_faults(SweepPage *s)
{
    s->faults = arena_zero(&s->arena, s->sweep.count * (int64_t)sizeof *s->faults);
    if (!s->faults) return FAIL(E_NOMEM, "the faults of a sweep");
    return faults_read(&s->sweep, s->faults);
}

/* The law of the loss, and the form that it is compared with. */
static Status fit_losses(SweepPage *s)
{
    const Points *p = &s->points;
    const Status status =
        default_law(p->point, p->count, &options, &s->arena, &s->law, &s->passed_over);
    s->has_law = status == OK;
    if (status != OK) tell_why(s->no_law);
    if (status == E_NOMEM) return status;
    TRY(fit(s, LAW_CHINCHILLA, p, &s->has_form, &s->form, s->no_form));
    const FitResult *of[] = {&s->law, &s->form};
    for (int i = 0; s->has_law && i < (s->has_form && s->law.law != s->form.law ? 2 : 1); i++)
        TRY(backtest(of[i]->law, p->point, p->count, &options, &s->arena, &s->backtest[i]));
    return OK;
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
    TRY(fit_losses(s));
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

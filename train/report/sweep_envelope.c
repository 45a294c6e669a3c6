/* Section of a sweep: training curves by compute and their lower envelope (approach 1). */
#include <math.h>
#include <string.h>

#include "train/plot/axis.h"
#include "train/report/sweep_page.h"
#include "train/run/metrics_read.h"
#include "train/scaling/isoflop.h"

enum { CURVE_POINTS = 60, LINES_MIN = 5, RUNS_MAX = 400, ROWS_MAX = 60 };

/* The share of a run's first steps to leave out: their loss depends little on model size. */
static const double first_share = 0.05;

/* Averages log lines within bins that are evenly spaced in log(tokens). */
static Status average_lines(const RunMetrics *j, SweepCurve *c, Arena *arena)
{
    const double *tokens = j->column[COLUMN_tokens], *loss = j->column[COLUMN_loss],
                 last = tokens[j->lines - 1], bin = pow(1 / first_share, 1.0 / CURVE_POINTS);
    double reached = first_share * last, end = reached, log_sum = 0, sum = 0;
    int64_t lines = 0;
    c->flops = arena_take(arena, 2 * (CURVE_POINTS + 2) * (int64_t)sizeof *c->flops);
    if (!c->flops) return FAIL(E_NOMEM, "a curve");
    c->loss = c->flops + CURVE_POINTS + 2;
    for (int64_t i = 0; i < j->lines; i++) {
        if (!(tokens[i] >= reached) || !isfinite(loss[i])) continue;
        reached = tokens[i];
        log_sum += log(tokens[i]), sum += loss[i], lines++;
        while (end < tokens[i]) end *= bin;
        const bool is_last = i + 1 == j->lines || !(tokens[i + 1] <= end);
        if (!is_last || lines < LINES_MIN || c->count == CURVE_POINTS + 2) continue;
        c->flops[c->count] = c->run->flops_per_token * exp(log_sum / (double)lines);
        c->loss[c->count++] = sum / (double)lines;
        log_sum = sum = 0, lines = 0;
    }
    return OK;
}

static Status read_curve(const char *folder, SweepCurve *c, Arena *scratch, Arena *arena)
{
    RunMetrics j = {0};
    TRY(metrics_read(folder, scratch, &j));
    if (j.lines < 2 || !(j.column[COLUMN_tokens][j.lines - 1] > 0)) return OK;
    return average_lines(&j, c, arena);
}

Status sweep_read_curves(SweepPage *s)
{
    char folder[SWEEP_PATH_MAX];
    s->curves = arena_zero(&s->arena, RUNS_MAX * (int64_t)sizeof *s->curves);
    if (!s->curves) return FAIL(E_NOMEM, "the curves");
    for (int64_t i = 0; i < s->sweep.count && s->curve_count < RUNS_MAX; i++) {
        SweepCurve *c = &s->curves[s->curve_count];
        Arena scratch = {0};
        *c = (SweepCurve){.run = &s->sweep.runs[i]};
        if (!sweep_run_is_usable(c->run)) continue;
        const Status status =
            read_curve(sweep_run_path(&s->sweep, c->run, "", folder), c, &scratch, &s->arena);
        arena_free(&scratch);
        TRY(status);
        s->curve_count += c->count > 1;
    }
    return OK;
}

Status sweep_curve_points(const SweepPage *s, Points *points, Arena *arena)
{
    for (int64_t i = 0; i < s->curve_count; i++) {
        const SweepCurve *c = &s->curves[i];
        for (int64_t k = 0; k < c->count && !c->run->held_out; k++) {
            const LawPoint one = {.params = (double)c->run->params,
                                  .tokens = c->flops[k] / c->run->flops_per_token,
                                  .flops = c->flops[k],
                                  .loss = c->loss[k],
                                  .run = i + 1};
            TRY(points_add(points, &one, false, arena));
        }
    }
    return OK;
}

/* The rank of the curve's model size among all sizes, from 1. */
static int size_of(const SweepPage *s, int64_t which)
{
    int smaller = 0;
    for (int64_t i = 0; i < s->curve_count; i++) {
        const int64_t params = s->curves[i].run->params;
        bool seen = params >= s->curves[which].run->params;
        for (int64_t k = 0; k < i && !seen; k++) seen = s->curves[k].run->params == params;
        smaller += !seen;
    }
    return smaller + 1;
}

static bool is_first_of_size(const SweepPage *s, int64_t which)
{
    for (int64_t i = 0; i < which; i++)
        if (s->curves[i].run->params == s->curves[which].run->params) return false;
    return true;
}

static PlotSeries curve_series(Page *p, const SweepPage *s, int64_t which)
{
    char size[TICK_LABEL];
    const SweepCurve *c = &s->curves[which];
    return (PlotSeries){.name = is_first_of_size(s, which)
                                    ? page_text(p, "%s parameters",
                                                axis_number((double)c->run->params, 3, size))
                                    : NULL,
                        .x = c->flops,
                        .y = c->loss,
                        .count = c->count,
                        .color = size_of(s, which),
                        .is_faint = c->run->held_out};
}

static PlotSeries envelope_series(Page *p, const SweepPage *s)
{
    const FitResult *f = &s->envelope;
    const double step = pow(f->most / f->least, 1.5 / (ENVELOPE_POINTS - 1));
    double *x = page_numbers(p, 2 * f->envelope_points),
           *y = page_numbers(p, 2 * f->envelope_points);
    int64_t count = 0;
    if (p->status != OK) return (PlotSeries){0};
    for (int64_t i = 0; i < f->envelope_points; i++) {
        const LawPoint *at = &f->envelope[i];
        if (i && at->flops > step * at[-1].flops) x[count] = at->flops, y[count++] = NAN; /* gap */
        x[count] = at->flops;
        y[count++] = at->loss;
    }
    return (PlotSeries){
        .kind = PLOT_LINE, .name = "lowest", .x = x, .y = y, .count = count, .color = PLOT_INK};
}

/* A table: the range of FLOPs over which each run is the lowest. */
static void lowest_runs(Page *p, const SweepPage *s)
{
    const FitResult *f = &s->envelope;
    int rows = 0;
    fputs("<details><summary>Which run is the lowest</summary><div class=\"wide\"><table>\n<thead>"
          "<tr><th class=\"n\">from</th><th class=\"n\">to</th><th>run</th><th class=\"n\">"
          "parameters</th><th class=\"n\">tokens there</th><th class=\"n\">loss there</th></tr>"
          "</thead>\n<tbody>\n",
          p->out);
    for (int64_t i = 0, end; i < f->envelope_points && rows < ROWS_MAX; i = end, rows++) {
        const LawPoint *first = &f->envelope[i];
        for (end = i + 1; end < f->envelope_points && f->envelope[end].run == first->run;) end++;
        const LawPoint *last = &f->envelope[end - 1];
        html_print(p->out, "<tr>");
        page_number(p, first->flops, 3);
        page_number(p, last->flops, 3);
        html_print(p->out, "<td><code>%s</code></td>", s->curves[first->run - 1].run->id);
        page_number(p, first->params, 3);
        page_number(p, last->tokens, 3);
        page_number(p, last->loss, 5);
        html_print(p->out, "</tr>\n");
    }
    html_print(p->out, "</tbody></table></div>%s</details>\n", rows == ROWS_MAX ? "..." : "");
}

void sweep_envelope(Page *p, const SweepPage *s)
{
    PlotSeries *all = arena_zero(&p->arena, (s->curve_count + 1) * (int64_t)sizeof *all);
    if (!s->curve_count) return;
    if (!all) {
        p->status = FAIL(E_NOMEM, "the curves");
        return;
    }
    for (int64_t i = 0; i < s->curve_count; i++) all[i] = curve_series(p, s, i);
    all[s->curve_count] = envelope_series(p, s);
    page_plot(p, "envelope",
              &(Plot){.title = "Training curves and their lower envelope (approach 1)",
                      .x_label = sweep_compute_label(p, s),
                      .y_label = "training loss, smoothed, nats per token",
                      .x_log = true,
                      .y_log = true,
                      .series = all,
                      .series_count = s->curve_count + (s->envelope.envelope_points > 0),
                      .width = 1000,
                      .height = 420});
    html_print(p->out,
               "<p class=\"soft\">Averages of neighbouring log lines, without the first %.0f %% of "
               "each run. The envelope is drawn only where both a smaller and a larger model have "
               "a curve. Held-out runs are faint and not part of it.</p>\n",
               100 * first_share);
    if (s->envelope.envelope_points) lowest_runs(p, s);
}

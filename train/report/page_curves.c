/* Sections: curves of the logged metrics, of one run or of several in one plot. */
#include <math.h>
#include <string.h>

#include "train/plot/axis.h"
#include "train/plot/smooth.h"
#include "train/report/page.h"

enum { MARKS_MAX = 300, RAW_RUNS_MAX = 2 };

/* An x axis for losses. */
typedef struct LossAxis {
    const char *name, *label; /* of the tab; of the axis */
    int column;
    bool is_log;
} LossAxis;

static const LossAxis single[] = {{"by step", "step", COLUMN_step, false},
                                  {"logarithmic", "step", COLUMN_step, true}},
                      several[] = {{"by tokens", "tokens", COLUMN_tokens, false},
                                   {"logarithmic", "tokens", COLUMN_tokens, true},
                                   {"by step", "step", COLUMN_step, false},
                                   {"by time", "seconds of training", COLUMN_seconds, false}};

/* Marks spikes and losses that are not numbers. Only for a single run: several would clutter the
 * plot. */
static PlotMark *marks_of(Page *p, const ReportData *r, int64_t *count)
{
    const RunMetrics *j = &r->journal;
    PlotMark *all = arena_zero(&p->arena, MARKS_MAX * (int64_t)sizeof *all);
    *count = 0;
    for (int64_t i = 0; all && i < r->spike_count && *count < MARKS_MAX; i++) {
        const ReportSpike *s = &r->spikes[i];
        all[(*count)++] = (PlotMark){
            .x = (double)s->event->step,
            .text = page_text(p, "step %lld: %s%s%s", (long long)s->event->step,
                              s->explanation ? cause_name(s->explanation->cause) : s->event->kind,
                              *s->event->message ? ": " : "", s->event->message),
            .href = page_text(p, "#spike-1-%lld", (long long)report_spike_leader(r, i) + 1)};
    }
    for (int64_t i = 0; all && i < j->bads && *count < MARKS_MAX; i++)
        all[(*count)++] =
            (PlotMark){.x = j->bad_step[i],
                       .text = page_text(p, "step %.0f: the loss is not a number", j->bad_step[i])};
    return all;
}

/* The x values of evaluations on an axis of steps, tokens or seconds. */
static const double *val_positions(Page *p, const ReportData *r, int column)
{
    const RunMetrics *j = &r->journal;
    if (column == COLUMN_step) return j->val_step;
    double *x = page_numbers(p, j->vals);
    for (int64_t i = 0; x && i < j->vals; i++) x[i] = report_value_at(r, column, j->val_step[i]);
    return x;
}

static PlotSeries val_series(Page *p, const ReportData *r, int column, const char *name, int color)
{
    return (PlotSeries){.kind = PLOT_LINE_POINTS,
                        .name = name,
                        .x = val_positions(p, r, column),
                        .y = r->journal.val_loss,
                        .count = r->journal.vals,
                        .color = color};
}

static PlotSeries column_series(const ReportData *r, int over, const double *y, int color)
{
    return (PlotSeries){.kind = PLOT_LINE,
                        .x = r->journal.column[over],
                        .y = y,
                        .count = r->journal.lines,
                        .color = color};
}

static void loss_of_one(Page *p, const ReportData *r)
{
    const RunMetrics *j = &r->journal;
    const char *const names[] = {single[0].name, single[1].name};
    int64_t marks;
    const PlotMark *mark = marks_of(p, r, &marks);
    page_tabs_begin(p, names, 2);
    for (int i = 0; i < 2; i++) {
        PlotSeries all[3] = {column_series(r, COLUMN_step, j->column[COLUMN_loss], 1),
                             column_series(r, COLUMN_step, r->smooth_loss, 1),
                             val_series(p, r, COLUMN_step, "validation", 2)};
        all[0].is_faint = true;
        all[1].name = page_text(p, "training, mean of %lld log lines",
                                2 * (long long)smooth_reach(j->lines) + 1);
        page_plot(p, i ? "loss-log" : "loss",
                  &(Plot){.title = "Loss",
                          .x_label = single[i].label,
                          .y_label = "nats per token",
                          .x_log = single[i].is_log,
                          .y_log = single[i].is_log ||
                                   plot_wants_log(j->column[COLUMN_loss], j->lines, 12),
                          .series = all,
                          .series_count = j->vals ? 3 : 2,
                          .marks = mark,
                          .mark_count = mark ? marks : 0,
                          .width = 1000,
                          .height = 360});
    }
    page_tabs_end(p);
}

static void loss_of_several(Page *p, const ReportData *runs, int64_t count, bool held_out)
{
    const char *names[4];
    PlotSeries *all = arena_zero(&p->arena, 2 * count * (int64_t)sizeof *all);
    if (!all) {
        p->status = FAIL(E_NOMEM, "a report");
        return;
    }
    for (int i = 0; i < 4; i++) names[i] = several[i].name;
    page_tabs_begin(p, names, 4);
    for (int i = 0; i < 4; i++) {
        int64_t used = 0;
        bool wants_log = several[i].is_log;
        for (int64_t k = 0; k < count && !held_out && count <= RAW_RUNS_MAX; k++) {
            const RunMetrics *j = &runs[k].journal;
            all[used] =
                column_series(&runs[k], several[i].column, j->column[COLUMN_loss], (int)k + 1);
            all[used++].is_faint = true;
        }
        for (int64_t k = 0; k < count; k++) {
            const ReportData *r = &runs[k];
            wants_log = wants_log || plot_wants_log(r->smooth_loss, r->journal.lines, 12);
            all[used] = held_out ? val_series(p, r, several[i].column, r->name, (int)k + 1)
                                 : column_series(r, several[i].column, r->smooth_loss, (int)k + 1);
            all[used++].name = r->name;
        }
        page_plot(p,
                  page_text(p, "%s-%s", held_out ? "validation" : "loss",
                            several[i].is_log ? "log" : several[i].label),
                  &(Plot){.title = held_out ? "Validation loss" : "Training loss, smoothed",
                          .x_label = several[i].label,
                          .y_label = "nats per token",
                          .x_log = several[i].is_log,
                          .y_log = wants_log,
                          .series = all,
                          .series_count = used,
                          .width = 1000,
                          .height = 380});
    }
    page_tabs_end(p);
}

void page_loss(Page *p, const ReportData *runs, int64_t count)
{
    int64_t vals = 0, lines = 0;
    for (int64_t i = 0; i < count; i++) vals += runs[i].journal.vals;
    for (int64_t i = 0; i < count; i++) lines += runs[i].journal.lines;
    if (count == 1 && vals + lines) loss_of_one(p, runs);
    if (count > 1 && vals) loss_of_several(p, runs, count, true);
    if (count > 1 && lines) loss_of_several(p, runs, count, false);
    if (!(vals + lines)) fputs("<p>Nothing has been logged yet.</p>\n", p->out);
}

/* A column of the journal with a plot of its own. */
typedef struct ColumnPlot {
    const char *name, *title, *label;
    int column;
    double log_factor; /* logarithmic if its range is larger; 0: never */
    bool is_exact;     /* drawn without smoothing */
} ColumnPlot;

static bool is_known(const ReportData *runs, int64_t count, int column)
{
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0; i < runs[k].journal.lines; i++)
            if (isfinite(runs[k].journal.column[column][i])) return true;
    return false;
}

static const double *smoothed(Page *p, const ReportData *r, const ColumnPlot *c)
{
    const int64_t lines = r->journal.lines;
    const double *y = r->journal.column[c->column];
    double *sums = page_numbers(p, 2 * (lines + 1)), *out = page_numbers(p, lines);
    if (c->is_exact || !sums || !out || !lines) return y;
    smooth(y, lines, smooth_reach(lines), sums, out);
    return out;
}

static void curve(Page *p, const ReportData *runs, int64_t count, const ColumnPlot *c)
{
    PlotSeries *all = arena_zero(&p->arena, 2 * count * (int64_t)sizeof *all);
    int64_t used = 0;
    bool wants_log = false;
    if (!all || !is_known(runs, count, c->column)) return;
    for (int64_t k = 0; k < count; k++) {
        const ReportData *r = &runs[k];
        const double *y = r->journal.column[c->column];
        wants_log |= c->log_factor > 0 && plot_wants_log(y, r->journal.lines, c->log_factor);
        if (count <= RAW_RUNS_MAX && !c->is_exact) {
            all[used] = column_series(r, COLUMN_step, y, (int)k + 1);
            all[used++].is_faint = true;
        }
    }
    for (int64_t k = 0; k < count; k++) {
        all[used] = column_series(&runs[k], COLUMN_step, smoothed(p, &runs[k], c), (int)k + 1);
        all[used++].name = count > 1 ? runs[k].name : c->label;
    }
    page_plot(p, c->name,
              &(Plot){.title = c->title,
                      .x_label = "step",
                      .y_label = count > 1 ? c->label : NULL,
                      .y_log = wants_log,
                      .from_zero = !c->log_factor,
                      .series = all,
                      .series_count = used});
}

void page_curves(Page *p, const ReportData *runs, int64_t count)
{
    static const ColumnPlot curves[] = {
        {"lr", "Learning rate", "learning rate", COLUMN_lr, 0, true},
        {"grad-norm", "Gradient norm", "norm before clipping", COLUMN_grad_norm, 8, false},
        {"tokens-per-second", "Speed", "tokens per second", COLUMN_tokens_per_second, 0, false},
        {"update-norm", "Update norm", "norm", COLUMN_update_norm, 8, false},
        {"max-logit", "Attention logits", "largest logit", COLUMN_max_logit, 20, false},
        {"rms", "RMS_t of the optimizer", "largest RMS_t of a parameter", COLUMN_rms, 8, false},
    };
    fputs("<div class=\"plots\">\n", p->out);
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) curve(p, runs, count, &curves[i]);
    fputs("</div>\n", p->out);
}

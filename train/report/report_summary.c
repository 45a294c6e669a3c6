/* Figures computed from the data of a report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/monitor/monitor.h"
#include "train/plot/smooth.h"
#include "train/report/report_data.h"

int64_t report_spike_leader(const ReportData *r, int64_t i)
{
    int64_t leader = i;
    while (leader && !*r->spikes[leader].event->bundle &&
           llabs(r->spikes[leader].event->batch_index - r->spikes[leader - 1].event->batch_index) <=
               MONITOR_EPISODE)
        leader--;
    return *r->spikes[leader].event->bundle ? leader : i;
}

double report_value_at(const ReportData *r, int column, double step)
{
    const RunMetrics *j = &r->journal;
    const double *x = j->column[COLUMN_step], *y = j->column[column];
    int64_t low = 0, high = j->lines - 1;
    if (high < 0) return NAN;
    if (step <= x[0]) return y[0] * step / x[0];
    if (step >= x[high]) return y[high];
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (x[middle] <= step)
            low = middle;
        else
            high = middle;
    }
    return y[low] + (y[high] - y[low]) * (step - x[low]) / (x[high] - x[low]);
}

static const char *state_of(const RunMetrics *j, const ReportSummary *s)
{
    const char *last = j->event_count ? j->events[j->event_count - 1].kind : "";
    if (s->steps && s->step >= s->steps) return "finished";
    if (!strcmp(last, "stopped")) return "stopped by the monitor";
    if (!strcmp(last, "signal")) return "interrupted";
    return s->steps ? "not finished" : "";
}

ReportSummary report_summary(const ReportData *r)
{
    const RunMetrics *j = &r->journal;
    ReportSummary s = {.step = -1,
                       .best_step = -1,
                       .steps = r->config ? r->config->train.steps : 0,
                       .loss = NAN,
                       .val_loss = NAN,
                       .best_val_loss = NAN,
                       .tokens = NAN,
                       .seconds = NAN,
                       .tokens_per_second = NAN};
    const int64_t last = j->lines - 1;
    if (last >= 0) {
        s.step = (int64_t)j->column[COLUMN_step][last];
        s.loss = smooth_end(j->column[COLUMN_loss], j->lines);
        s.tokens = j->column[COLUMN_tokens][last];
        s.seconds = j->column[COLUMN_seconds][last];
        if (s.seconds > 0) s.tokens_per_second = s.tokens / s.seconds;
    }
    for (int64_t i = 0; i < j->vals; i++)
        if (isfinite(j->val_loss[i]) && !(j->val_loss[i] >= s.best_val_loss)) {
            s.best_val_loss = j->val_loss[i];
            s.best_step = (int64_t)j->val_step[i];
        }
    if (j->vals) s.val_loss = j->val_loss[j->vals - 1];
    s.state = state_of(j, &s);
    return s;
}

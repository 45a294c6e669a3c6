#include "train/report/report.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/plot/axis.h"
#include "train/plot/sparkline.h"
#include "train/report/page.h"

/* Generating samples from larger models takes too long at the end of training. */
static const int64_t SAMPLED_MAX = 30000000;

typedef struct Runs {
    const ReportData *runs;
    int64_t count;
} Runs;

static void write_page(Page *p, const void *context)
{
    const ReportData *runs = ((const Runs *)context)->runs;
    const int64_t count = ((const Runs *)context)->count;
    html_begin(count == 1 ? runs->name : page_text(p, "%lld runs", (long long)count), p->out);
    if (count == 1)
        page_tiles(p, runs);
    else
        page_comparison(p, runs, count);
    page_loss(p, runs, count);
    page_curves(p, runs, count);
    page_spikes(p, runs, count);
    page_samples(p, runs, count);
    page_config(p, runs, count);
    page_provenance(p, runs, count);
    html_end(p->out);
}

Status report_write(const ReportData *runs, int64_t count, const char *path, const char *svg)
{
    const Runs all = {runs, count};
    return page_make(path, svg, write_page, &all);
}

Status report_run(const char *folder, bool with_samples, FILE *out)
{
    const ReportOptions o = {.samples = with_samples ? 3 : 0,
                             .tokens = 200,
                             .parameters_max = SAMPLED_MAX};
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/report.html", folder) >= sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", folder);
    ReportData *r = malloc(sizeof *r);
    if (!r) return FAIL(E_NOMEM, "a report");
    files_clean(folder, "report.html");
    Status status = report_data_read(r, folder, &o);
    if (status == OK) status = report_write(r, 1, path, NULL);
    if (status == OK && out) {
        sparkline_print("loss ", r->smooth_loss, r->journal.lines, 48, 1, out);
        fprintf(out, "report: %s\n", path);
    }
    report_data_close(r);
    free(r);
    return status;
}

void report_print(const ReportData *r, FILE *out)
{
    const ReportSummary s = report_summary(r);
    char shown[TICK_LABEL];
    if (s.step < 0)
        fprintf(out, "%s: no step has been logged", r->folder);
    else
        fprintf(out, "%s: step %lld", r->folder, (long long)s.step);
    if (s.steps && s.step >= 0) fprintf(out, " of %lld", (long long)s.steps);
    if (r->parameters)
        fprintf(out, ", %s parameters", axis_number((double)r->parameters, 3, shown));
    if (isfinite(s.tokens)) fprintf(out, ", %s tokens", axis_number(s.tokens, 3, shown));
    if (isfinite(s.tokens_per_second))
        fprintf(out, ", %s tokens/s", axis_number(s.tokens_per_second, 3, shown));
    if (r->spikes_flagged) fprintf(out, ", %lld spikes", (long long)r->spikes_flagged);
    fputc('\n', out);
    if (isfinite(s.best_val_loss))
        fprintf(out, "  validation loss %.4f, best %.4f at step %lld\n", s.val_loss,
                s.best_val_loss, (long long)s.best_step);
    sparkline_print("  ", r->smooth_loss, r->journal.lines, 64, 4, out);
}

/* capstan report: a page of runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/commands/commands.h"
#include "train/report/report.h"
#include "train/run/folder.h"
#include "train/support/json.h"
#include "train/support/precision.h"
#include "train/sweep/table.h"

enum { RUNS_MAX = 512 };

typedef struct Args {
    const char *runs[RUNS_MAX], *output, *svg, *csv;
    int count;
    bool json;
    ReportOptions reported;
} Args;

static json_t *run_json(const ReportData *r)
{
    const ReportSummary s = report_summary(r);
    return json_pack("{s:o, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:I}",
                     "run", json_text(r->folder), "state", s.state, "step", (json_int_t)s.step,
                     "steps", (json_int_t)s.steps, "parameters", (json_int_t)r->parameters,
                     "tokens", json_number(s.tokens), "flops",
                     json_number(s.tokens * r->flops_per_token), "loss", json_number(s.loss),
                     "val_loss", json_number(s.val_loss), "best_val_loss",
                     json_number(s.best_val_loss), "best_step", (json_int_t)s.best_step, "seconds",
                     json_number(s.seconds), "tokens_per_second", json_number(s.tokens_per_second),
                     "spikes", (json_int_t)r->spikes_flagged);
}

static Status tell(const Args *w, const ReportData *runs, const char *path)
{
    if (!w->json) {
        for (int i = 0; i < w->count; i++) report_print(&runs[i], stdout);
        printf("report: %s\n", path);
        return OK;
    }
    json_t *all = json_array();
    for (int i = 0; all && i < w->count; i++) json_array_append_new(all, run_json(&runs[i]));
    return json_print(json_pack("{s:o, s:o}", "report", json_text(path), "runs", all));
}

static Status report(const Args *w, ReportData *runs)
{
    char path[4096];
    for (int i = 0; i < w->count; i++) TRY(report_data_read(&runs[i], w->runs[i], &w->reported));
    if (w->output)
        snprintf(path, sizeof path, "%s", w->output);
    else
        snprintf(path, sizeof path, "%s/report.html", w->runs[0]);
    if (w->csv) TRY(report_csv(w->runs, w->count, w->csv));
    if (w->count > 1 && !w->output) return OK; /* only the CSV is wanted */
    TRY(report_write(runs, w->count, path, w->svg));
    return tell(w, runs, path);
}

static Status report_of_sweep(const Args *w)
{
    char folder[SWEEP_PATH_MAX], path[SWEEP_PATH_MAX + 16];
    Sweep s = {0};
    json_t *faults = NULL;
    TRY(report_sweep(w->runs[0], w->output, w->svg, w->json ? NULL : stdout,
                     w->json ? &faults : NULL));
    if (!w->json) return OK;
    TRY(sweep_locate(w->runs[0], folder));
    snprintf(path, sizeof path, "%s/report.html", folder);
    const Status status = sweep_store_read(w->runs[0], &s);
    json_t *root = status == OK ? table_json(&s) : NULL;
    if (root) json_object_set_new(root, "report", json_text(w->output ? w->output : path));
    if (root && faults) json_object_set(root, "faults", faults);
    json_decref(faults);
    sweep_close(&s);
    TRY(status);
    return json_print(root);
}

Status command_report(const Command *self, int argc, char *argv[])
{
    Args w = {.reported = {.samples = 3, .tokens = 300}};
    int64_t threads = 0;
    static char found[RUNS_MAX][FOLDER_PATH_MAX];
    bool helped;
    const Option options[] = {
        OPTION_USAGE("RUN..."),
        OPTION_USAGE("SWEEP"),
        OPTION_PATH("--output", &w.output, "F.html",
                    "page to write (default for one run: RUN/report.html)"),
        OPTION_PATH("--svg", &w.svg, "DIR", "also write each plot as an SVG file to this folder"),
        OPTION_PATH("--csv", &w.csv, "F.csv",
                    "also write the steps of the runs as a CSV: loss, lr, ..., val_loss; of "
                    "several runs without --output only this",
                    .usage = IN_USAGE(0)),
        OPTION_INT("--samples", &w.reported.samples, "N", 0, 16,
                   "samples from the best checkpoint; 0: none (default: 3)"),
        OPTION_INT("--tokens", &w.reported.tokens, "N", 1, 100000,
                   "longest sample, in tokens (default: 300)"),
        OPTION_TEXT("--prompt", &w.reported.prompt, "TEXT",
                    "prompt of the samples (default: the run's train.sample_prompt)"),
        OPTION_THREADS(&threads),
        OPTION_JSON(&w.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, w.runs, RUNS_MAX, &w.count, &helped));
    if (helped) return OK;
    const int count = w.count;
    if (count < 1) return FAIL(E_ARG, "which run? give its folder, as in capstan report runs/NAME");
    if (count > 1 && !w.output && !w.csv)
        return FAIL(E_ARG, "a report of several runs needs --output F.html");
    threads_set((int)threads);
    for (int i = 0; i < count; i++) {
        TRY(folder_find(w.runs[i], found[i]));
        w.runs[i] = found[i];
    }
    if (w.csv && count == 1 && sweep_is_store(w.runs[0]))
        return FAIL(E_ARG,
                    "--csv: %s is a sweep; give its runs, as in %s/runs/*, or see capstan "
                    "sweep table",
                    w.runs[0], w.runs[0]);
    if (count == 1 && sweep_is_store(w.runs[0])) return report_of_sweep(&w);
    for (int i = 0; i < count; i++)
        if (sweep_is_store(w.runs[i]))
            return FAIL(E_ARG, "%s is a sweep: a page shows one alone, or runs, as in %s/runs/*",
                        w.runs[i], w.runs[i]);
    ReportData *runs = calloc((size_t)count, sizeof *runs);
    if (!runs) return FAIL(E_NOMEM, "%d runs", count);
    const Status status = report(&w, runs);
    for (int i = 0; i < count; i++) report_data_close(&runs[i]);
    free(runs);
    return status;
}

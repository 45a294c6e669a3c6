/* The data of a run for a report, read once from its folder. */
#ifndef TRAIN_REPORT_REPORT_DATA_H
#define TRAIN_REPORT_REPORT_DATA_H

#include "train/config/config.h"
#include "train/diagnose/explain.h"
#include "train/run/metrics_read.h"

/* A spike in events.jsonl, or severe attention logits, with its bundle. */
typedef struct ReportSpike {
    const RunEvent *event;
    Bundle *bundle;           /* NULL: no bundle, or an unreadable one */
    Explanation *explanation; /* without a replay; NULL as well */
    const char *why_not;      /* why the bundle is unreadable; "" */
} ReportSpike;

typedef struct ReportSample {
    const char *prompt, *text; /* text: the completion */
} ReportSample;

typedef struct ReportData {
    Arena arena;
    const char *folder, *name; /* name: the folder's last part, unless several runs share it */
    RunMetrics journal;
    double *smooth_loss; /* [journal.lines] */

    Config *config;         /* config.yaml with its origins; NULL */
    const char *no_config;  /* why it is NULL */
    const Config *defaults; /* the default config; not NULL if config is not */

    bool has_checkpoint;
    char checkpoint[32]; /* "best.h5": the checkpoint of the samples and of the fields below */
    int64_t checkpoint_step, vocab_size;
    char core[64], precision[64], dataset[64];
    int64_t parameters, parameters_non_embedding; /* 0: not known */
    double flops_per_token;

    ReportSpike *spikes;
    int64_t spike_count, spikes_flagged; /* flagged: without attention logits alone */
    ReportSample *samples;
    int64_t sample_count;
    const char *no_samples; /* why there are none; "" if none were requested */
} ReportData;

typedef struct ReportOptions {
    int64_t samples, tokens; /* number and length; 0: none */
    const char *prompt;      /* NULL: the config's train.sample_prompt */
    int64_t parameters_max;  /* larger models generate no samples; 0: no limit */
} ReportOptions;

/* Missing files leave their fields empty; E_DATA if the folder has no run at all. Close in any
 * case. */
Status report_data_read(ReportData *r, const char *folder, const ReportOptions *o);
void report_data_close(ReportData *r);

/* Generates the samples, or says why not (no_samples). Part of report_data_read(). E_NOMEM. */
Status report_samples(ReportData *r, const ReportOptions *o);

/* The name of a folder: the last component of its path. In the arena; NULL: memory is out. */
const char *report_name(Arena *a, const char *folder);

/* Whether a folder holds a run. */
bool report_is_run(const char *folder);

/* Figures of the whole run; NAN or -1: unknown. */
typedef struct ReportSummary {
    int64_t step, steps; /* done, and planned (0: unknown) */
    double loss;         /* training, the mean over the last lines */
    double val_loss, best_val_loss;
    int64_t best_step;
    double tokens, seconds, tokens_per_second;
    const char *state; /* "finished", "stopped by the monitor" ... */
} ReportSummary;

ReportSummary report_summary(const ReportData *r);

/* The first spike of the bundle that spike i shares, else i. */
int64_t report_spike_leader(const ReportData *r, int64_t i);

/* The value of a column at `step`, interpolated linearly: tokens at an evaluation. */
double report_value_at(const ReportData *r, int column, double step);

#endif

/* A run as a report tells of it: all that its folder says, read once. */
#ifndef TRAIN_REPORT_REPORT_DATA_H
#define TRAIN_REPORT_REPORT_DATA_H

#include "train/config/config.h"
#include "train/diagnose/explain.h"
#include "train/run/metrics_read.h"

/* A spike of the journal, or attention logits that went as far; with what is known of it. */
typedef struct ReportSpike {
    const JournalEvent *event;
    Bundle *bundle;           /* NULL: nothing was kept, or it cannot be read */
    Explanation *explanation; /* without a replay; NULL as well */
    const char *why_not;      /* what is wrong with a bundle; "" */
} ReportSpike;

typedef struct ReportSample {
    const char *prompt, *text; /* text: what comes after the prompt */
} ReportSample;

typedef struct ReportData {
    Arena arena;
    const char *folder, *name; /* name: the folder's last part, unless several runs share it */
    Journal journal;
    double *smooth_loss; /* [journal.lines] */

    Config *config;         /* of config.yaml, origins as it tells them; NULL */
    const char *no_config;  /* why it is NULL */
    const Config *defaults; /* what a config is that sets nothing; not NULL if config is not */

    bool has_checkpoint;
    char checkpoint[32]; /* "best.h5": whose samples there are, and that the rest is of */
    int64_t checkpoint_step, vocab_size;
    char core[64], precision[64], dataset[64];
    int64_t parameters, parameters_non_embedding; /* 0: not known */
    double flops_per_token;

    ReportSpike *spikes;
    int64_t spike_count, spikes_flagged; /* flagged: without attention logits alone */
    ReportSample *samples;
    int64_t sample_count;
    const char *no_samples; /* why there is none; "" if none was asked for */
} ReportData;

typedef struct ReportOptions {
    int64_t samples, tokens; /* how many, how long; 0: none */
    const char *prompt;      /* NULL: the config's train.sample_prompt */
    int64_t parameters_max;  /* larger models write no samples; 0: any may */
} ReportOptions;

/* What is missing is missing; E_DATA if there is no run at all in the folder. Close in any case. */
Status report_data_read(ReportData *r, const char *folder, const ReportOptions *o);
void report_data_close(ReportData *r);

/* Generates the samples, or says why not (no_samples). Part of report_data_read(). E_NOMEM. */
Status report_samples(ReportData *r, const ReportOptions *o);

/* What a folder is called: the last part of its path that is a name. In the arena; NULL: memory is out. */
const char *report_name(Arena *a, const char *folder);

/* Whether `what` is where a run can be read. */
bool report_is_run(const char *folder);

/* Figures of the whole; NAN or -1 where there is nothing to tell. */
typedef struct ReportSummary {
    int64_t step, steps; /* made, and wanted (0: not known) */
    double loss;         /* training, the mean over the last lines */
    double val_loss, best_val_loss;
    int64_t best_step;
    double tokens, seconds, tokens_per_second;
    const char *state; /* "finished", "stopped by the monitor" ... */
} ReportSummary;

ReportSummary report_summary(const ReportData *r);

/* The spike that spike i goes with: the one of the bundle that it shares, else i itself. */
int64_t report_spike_leader(const ReportData *r, int64_t i);

/* What a column says at `step`, between two lines in proportion: tokens of an evaluation. */
double report_value_at(const ReportData *r, int column, double step);

#endif

/* What is kept of a spike: RUN/spikes/batch-00000251/, to be explained and replayed later.
 *
 *     bundle.json   why it was flagged, the batch and its documents, the history up to it (history.h)
 *     at.h5         a checkpoint: the state the batch met, before any update on it
 *     before.h5     a checkpoint some steps earlier (a hard link if it can be), if there is one
 *
 * Steps that are flagged close to each other share one bundle: that of the first. */
#ifndef TRAIN_DIAGNOSE_BUNDLE_H
#define TRAIN_DIAGNOSE_BUNDLE_H

#include "train/monitor/history.h"
#include "train/run/run.h"

enum { BUNDLE_VERSION = 2, BUNDLE_PATH_MAX = 4096 };

/* The flag of a step that was no spike, but at which an attention logit went above attention_severe. */
#define BUNDLE_ATTENTION "attention"

/* One document of the batch, or the piece of one that is in it (train/monitor/pieces.h). */
typedef struct BundleDocument {
    int64_t document;               /* of the split, from 0 */
    int64_t token_begin, token_end; /* target tokens of the split: [begin, end) */
    int64_t byte_begin, byte_end;   /* their place in the document's text; -1: not known */
    int64_t sequence, row;          /* where it is in the batch */
    int64_t rows;                   /* that have a loss */
    double loss;                    /* mean over those, nats */
    double excess;                  /* sum over those of loss - the usual one */
    double share;     /* of all documents' positive excess; NAN if a loss is not finite */
    const char *text; /* what its tokens stand for in the batch, UTF-8, the first 400 bytes or so */
} BundleDocument;

/* A bundle being read or written. Memory is arena's. */
typedef struct Bundle {
    Arena arena;
    char folder[BUNDLE_PATH_MAX];
    int64_t step, batch_index; /* the update that was to be, and its batch */
    int64_t before_step;       /* of before.h5; -1: there is none */
    const char *run;           /* the run's folder when it was written */
    const char *split;         /* "train" */
    const char *dataset;       /* its digest */
    const char *flag;          /* name of the SpikeClass, or BUNDLE_ATTENTION */
    const char *rule;          /* as configured */
    const char *action;        /* what was done: "taken", "skipped", "clipped", "rewound" */
    const char *message;       /* one line for people */
    double usual_loss;         /* median of the losses accepted before */
    TapeFinding finding;       /* where a number that is not finite came from, if one did */
    int64_t documents;         /* of the batch, all of them, largest excess / sqrt(rows) first */
    BundleDocument *document;
    int64_t rows; /* of the batch */
    int64_t sequences, context;
    int32_t *inputs, *targets; /* [rows] */
    double *row_loss;          /* [rows] */
    History history;           /* the spike itself is the newest row */
    const char **param_names;  /* [history.params] */
} Bundle;

/* Fills b, whose folder, run and before_step are there, with the step that r has just measured and judged
 * (run_measure()). Texts are the arena's or the config's. E_CONFIG: the monitor is off. E_DATA, E_NOMEM. */
Status bundle_take(Bundle *b, const Run *r);

/* Of that, what is the batch's: copies the run's batch with its losses, row_loss [rows], and finds its
 * documents and what each has lost. usual_loss is there; if it is not finite, too little being known yet,
 * the batch's own mean takes its place. E_DATA, E_NOMEM. */
Status bundle_documents(Bundle *b, const Run *r, const real *row_loss);

/* Fills param_names from p, whose parameters the history is of. E_NOMEM. */
Status bundle_params(Bundle *b, const Params *p);

/* Writes bundle.json, whole or not at all, into b->folder, which is there. E_IO, E_NOMEM. */
Status bundle_write(const Bundle *b);

/* Reads one. E_FORMAT names the file and the key that is wrong. Close in any case. */
Status bundle_read(Bundle *b, const char *folder);
void bundle_close(Bundle *b);

/* E_FORMAT unless p, `layers` blocks of a model, is what the bundle's history is of. */
Status bundle_check_model(const Bundle *b, const Params *p, int64_t layers);

/* Whether a folder is that of a bundle. It is written last: without it a run was killed, or still writes. */
bool bundle_is_there(const char *folder);

/* The bundles of a run: their folders RUN/spikes/batch-N, or draw-N as version 0.1
 * called them, by ascending N, in a. None: *count is 0. E_NOMEM. */
Status bundles_list(const char *run, Arena *a, const char ***folders, int64_t *count);

/* RUN/spikes/batch-N, for a new bundle. Returns out. */
char *bundle_path(const char *run, int64_t batch_index, char out[BUNDLE_PATH_MAX]);

#endif

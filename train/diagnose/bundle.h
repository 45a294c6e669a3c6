/* Bundles: the data kept of a spike in RUN/spikes/batch-00000251/, to be explained and replayed
 * later.
 *
 *     bundle.json   why the step was flagged, its batch and documents, and the history up to it
 *                   (history.h)
 *     at.h5         a checkpoint: the state before any update on the batch
 *     before.h5     a checkpoint some steps earlier (a hard link where possible), if there is one
 *
 * Steps that are flagged close to each other share the bundle of the first. */
#ifndef TRAIN_DIAGNOSE_BUNDLE_H
#define TRAIN_DIAGNOSE_BUNDLE_H

#include "train/checkpoint/checkpoints.h"
#include "train/diagnose/record.h"
#include "train/monitor/history.h"
#include "train/run/run.h"

enum { BUNDLE_VERSION = 2, BUNDLE_PATH_MAX = 4096 };

#define BUNDLE_FORMAT "capstan-spike"

/* The flag of a step that was no spike, but where an attention logit exceeded attention_severe. */
#define BUNDLE_ATTENTION "attention"

/* One document of the batch, or the part of it that is in the batch
 * (train/monitor/document_span.h). */
typedef struct BundleDocument {
    int64_t document;               /* index in the split, from 0 */
    int64_t token_begin, token_end; /* target tokens of the split: [begin, end) */
    int64_t byte_begin, byte_end;   /* their bytes in the document's text; -1: unknown */
    int64_t sequence, row;          /* position in the batch */
    int64_t rows;                   /* rows with a loss */
    double loss;                    /* mean over these rows, nats */
    double excess;                  /* sum over these rows of loss - baseline */
    double share;     /* of the sum of all positive excesses; NAN if a loss is not finite */
    const char *text; /* the text of its tokens in the batch, UTF-8, about the first 400 bytes */
} BundleDocument;

/* A bundle in memory, which is arena's. */
typedef struct Bundle {
    Arena arena;
    char folder[BUNDLE_PATH_MAX];
    int64_t step, batch_index; /* the flagged step and its batch, both from 1 */
    int64_t before_step;       /* of before.h5; -1: there is none */
    const char *run;           /* the run's folder when the bundle was written */
    const char *split;         /* "train" */
    const char *dataset;       /* its digest */
    const char *flag;          /* name of the SpikeClass, or BUNDLE_ATTENTION */
    const char *rule;          /* monitor.rule */
    const char *action;        /* response: "taken", "skipped", "clipped", "rewound", "stopped" */
    const char *message;       /* one line for people */
    double baseline_loss;      /* median of the losses accepted before; key "usual_loss" */
    TapeFinding finding;       /* origin of the first number that is not finite */
    int64_t documents;         /* of the batch, sorted by excess / sqrt(rows), largest first */
    BundleDocument *document;
    int64_t rows; /* of the batch */
    int64_t sequences, context;
    int32_t *inputs, *targets; /* [rows] */
    double *row_loss;          /* [rows] */
    History history;           /* the flagged step is the newest row */
    const char **param_names;  /* [history.params] */
} Bundle;

/* Fills b from the step that r has just measured and judged (run_measure()); folder, run and
 * before_step must be set. Texts are the arena's or the config's. E_CONFIG: the monitor is off.
 * E_DATA, E_NOMEM. */
Status bundle_take(Bundle *b, const Run *r);

/* The part of bundle_take() that concerns the batch: copies the run's batch with its losses,
 * row_loss [rows], and finds its documents and their excess. If baseline_loss is not finite (too
 * few losses), the mean of the batch replaces it. E_DATA, E_NOMEM. */
Status bundle_documents(Bundle *b, const Run *r, const real *row_loss);

/* Fills param_names from p, the parameters of the history. E_NOMEM. */
Status bundle_params(Bundle *b, const Params *p);

/* Writes bundle.json into b->folder, which must exist; all of it or nothing. E_IO, E_NOMEM. */
Status bundle_write(const Bundle *b);

/* Reads a bundle of this version or an older one. E_FORMAT names the file and the faulty key. Close
 * in any case. */
Status bundle_read(Bundle *b, const char *folder);
void bundle_close(Bundle *b);

/* E_FORMAT unless p, a model of `layers` blocks, has the parameters of the bundle's history. */
Status bundle_check_model(const Bundle *b, const Params *p, int64_t layers);

/* Whether a folder holds a complete bundle: bundle.json is written last. */
bool bundle_is_there(const char *folder);

/* The bundles of a run: their folders RUN/spikes/batch-N (draw-N in version 0.1), by ascending N,
 * in a. None: *count is 0. E_NOMEM. */
Status bundles_list(const char *run, Arena *a, const char ***folders, int64_t *count);

/* RUN/spikes/batch-N, for a new bundle. Returns out. */
char *bundle_path(const char *run, int64_t batch_index, char out[BUNDLE_PATH_MAX]);

/* The config in the bundle's at.h5, in the bundle's arena. If its precision is the other program's,
 * starts that one instead (train/support/precision.h). data: another path of the dataset, or NULL.
 * E_FORMAT. */
Status bundle_config(Bundle *b, const char *data, char *argv[], Config **out);

/* The same from an open checkpoint, in a. */
Status bundle_config_of(const CheckpointReader *r, Arena *a, const char *data, char *argv[],
                        Config **out);

/* The keys of bundle.json, for the files that read, write and print it. */
extern const RecordKey bundle_keys[], bundle_document_keys[], bundle_finding_keys[];
extern const char *const bundle_signals[], *const bundle_layer_signals[],
                                               *const bundle_param_signals[];

#endif

/* Batches: what a training step reads, as a pure function of (seed, draw). */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include "autograd/base/schema.h"
#include "data/dataset.h"
#include "data/tokenizer.h"

/* clang-format off */
/* [data]     name           default          help */
#define DATA_SETTINGS(S, INT, REAL, BOOL, TEXT)                                                       \
    TEXT(S, path,           "data/corpus.h5", NULL, "dataset (see capstan prepare), or a token file") \
    TEXT(S, packing,        "none",     "none|concat", "none: windows from anywhere; concat: each token once an epoch") \
    BOOL(S, document_mask,  false,                  "attention, positions and targets stay in a document") \
    TEXT(S, order,          "shuffled", "shuffled|sequential", "sequential: in file order, no chance")
/* clang-format on */

typedef struct DataConfig {
    SCHEMA_FIELDS(DATA_SETTINGS)
} DataConfig;

/* Rows of a batch are sequences x context; sequence s has rows s * context .. (s + 1) * context. A
 * segment is a run of rows of one sequence that attention does not leave: the whole sequence, or under
 * document_mask what lies in it of one document. All arrays belong to whoever calls batch_alloc(). */
typedef struct Batch {
    int64_t sequences, context;
    int32_t *inputs;    /* [rows] tokens */
    int32_t *targets;   /* [rows] tokens; -1: no loss here */
    int32_t *positions; /* [rows] place in the segment: below context */
    /* [sequences + 1]: sequence s has the segments from segment_index[s] up to segment_index[s + 1] */
    int32_t *segment_index;
    /* [segment_index[sequences] + 1]: first row of each; the last is rows */
    int32_t *segment_starts;
    int64_t loss_tokens; /* targets that are not -1; 0 only if all documents are empty */
} Batch;

/* E_CONFIG if there are 2^31 rows or more. */
Status batch_alloc(Batch *b, Arena *a, int64_t sequences, int64_t context);

/* Bytes of text that the targets stand for; end-of-text is none: for bits a byte. */
int64_t batch_target_bytes(const Batch *b, const Tokenizer *t);

/* Where batches come from. Borrows dataset, split and config. */
typedef struct Batches {
    const Dataset *dataset;
    const Split *split;
    const DataConfig *config;
    int64_t context, sequences;
    uint64_t seed;
    int64_t windows; /* of an epoch: (count - 1) / context */
} Batches;

/* E_CONFIG if the split is shorter than one window of context + 1 tokens (says both lengths). */
Status batches_open(Batches *b, const Dataset *d, const Split *split, const DataConfig *c,
                    int64_t context, int64_t sequences, uint64_t seed);

/* Batch `draw`, from 1, into out (of the same sequences and context). E_DATA if tokens that it touches
 * are damaged. Threads may call it at once. */
Status batches_fill(const Batches *b, int64_t draw, Batch *out);

/* How many batches the whole split makes in non-overlapping windows, the last partial one included. */
int64_t batches_eval_count(const Batches *b);

/* The i-th of them, from 0: windows i * sequences and on, in file order; rows past the end have target
 * -1. For evaluation, and evenly spaced ones for val_loss. */
Status batches_eval(const Batches *b, int64_t i, Batch *out);

#endif

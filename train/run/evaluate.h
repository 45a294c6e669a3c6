/* Evaluation: the loss of a model on a whole split. */
#ifndef TRAIN_RUN_EVALUATE_H
#define TRAIN_RUN_EVALUATE_H

#include <signal.h>
#include <stdio.h>

#include "train/config/config.h"

/* Sums over the tokens whose position in their document, from 0, is in [from, to). */
typedef struct PositionLoss {
    int64_t from, to, tokens;
    double sum;
} PositionLoss;

/* Sums over the tokens of a document. */
typedef struct DocumentLoss {
    int64_t tokens;
    double sum;
} DocumentLoss;

/* Positions 0 to 63 have a bin each; further bins end at powers of 2. */
enum { POSITION_BINS_SINGLE = 64, POSITION_BINS = POSITION_BINS_SINGLE + 57 };

typedef struct Evaluation {
    double loss;          /* nats per token */
    double perplexity;    /* e^loss */
    double bits_per_byte; /* nats / (ln 2 x bytes of text); NaN if the dataset has no tokenizer */
    int64_t tokens;       /* tokens with a loss */
    int64_t bytes;        /* bytes of these tokens */
    double seconds;
} Evaluation;

typedef struct EvaluateOptions {
    int64_t stride;          /* see batches_set_stride(); 0: windows do not overlap */
    FILE *progress;          /* a line that is updated in place; NULL: none */
    PositionLoss *positions; /* [POSITION_BINS]: filled; NULL: not wanted */
    real *tokens; /* [tokens of the split]: of each, NAN if it has none; NULL: not wanted */
    DocumentLoss *documents;           /* [documents of the split]: filled; NULL: not wanted */
    const volatile sig_atomic_t *stop; /* stops with E_INTERRUPTED if not 0; may be NULL */
} EvaluateOptions;

/* Evaluates the split in windows, including a last partial one, in batches of c->train.batch, with the packing and masks of c->data. The batch size changes the result by
 * rounding only. p: the model's parameters. E_CONFIG: the split is too short. */
Status evaluate(const Gpt *model, Params *p, const Config *c, const Dataset *d, const Split *split,
                const EvaluateOptions *o, Evaluation *out);

#endif

/* Evaluation: the loss of a model on all of a split. */
#ifndef TRAIN_RUN_EVALUATE_H
#define TRAIN_RUN_EVALUATE_H

#include <signal.h>
#include <stdio.h>

#include "train/config/config.h"

/* Sums over the tokens whose place in their document, from 0, is in [from, to). */
typedef struct PlaceLoss {
    int64_t from, to, tokens;
    double sum;
} PlaceLoss;

/* Of each document's own losses. */
typedef struct DocumentLoss {
    int64_t tokens;
    double sum;
} DocumentLoss;

/* Places 0 to 63 one by one, then between powers of 2. */
enum { PLACES_ALONE = 64, PLACES_MAX = PLACES_ALONE + 57 };

typedef struct Evaluation {
    double loss;          /* nats a token */
    double perplexity;    /* e^loss */
    double bits_per_byte; /* nats / (ln 2 x bytes of text); NaN if the dataset has no tokenizer */
    int64_t tokens;       /* that had a loss */
    int64_t bytes;        /* that they stand for */
    double seconds;
} Evaluation;

typedef struct EvaluateOptions {
    FILE *progress;                    /* a line that changes; NULL: none */
    PlaceLoss *places;                 /* [PLACES_MAX]: filled; NULL: not wanted */
    DocumentLoss *documents;           /* [of the split]: filled; NULL: not wanted */
    const volatile sig_atomic_t *stop; /* not 0: stop, E_INTERRUPTED. NULL: nobody will */
} EvaluateOptions;

/* Reads the whole split in windows that do not overlap, the last partial one included, in batches of
 * c->train.batch, under the packing and masks of c->data. The result does not depend on the batch beyond
 * rounding. p holds the model's numbers. E_CONFIG if the split is too short. */
Status evaluate(const Gpt *model, Params *p, const Config *c, const Dataset *d, const Split *split,
                const EvaluateOptions *o, Evaluation *out);

#endif

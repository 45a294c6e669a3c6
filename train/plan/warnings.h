/* Warnings: settings and options that are valid but make a run useless, or have no effect. Each is
 * a row of a table: a condition, and a sentence that names the key and says what would be right. */
#ifndef TRAIN_PLAN_WARNINGS_H
#define TRAIN_PLAN_WARNINGS_H

#include "data/dataset.h"
#include "data/prepare.h"
#include "train/config/config.h"

/* What the rules of a run know about the dataset. */
typedef struct DataFacts {
    bool is_known;                      /* false: rules about the dataset do not apply */
    bool is_raw;                        /* token files, without a tokenizer and without documents */
    int64_t vocab_size;                 /* without end-of-text */
    int64_t tokens, documents, longest; /* of the training split; longest document */
    int64_t prompts;                    /* training documents with a prompt */
    int64_t val_tokens;
} DataFacts;

typedef struct WarningFacts {
    const Config *config; /* resolved */
    DataFacts data;
    int64_t sequences;       /* of an epoch; 0: unknown */
    int64_t half_empty;      /* of these, if packed (data/packing.h) */
    int64_t silent;          /* of these, without a loss token (data/batch.h) */
    int64_t parameters;      /* 0: unknown */
    int64_t prompt_tokens;   /* of train.sample_prompt; 0: unknown */
    int64_t stop_after;      /* of `train`; 0: none */
    bool lacks_val;          /* the validation split has no sequence, or no loss token */
    bool val_lacks_loss;     /* it has sequences, but no loss token */
    const char *no_bfloat16; /* what this machine lacks for it; NULL: nothing, or unknown */
    /* OpenBLAS's core, when the checkpoint was made and now; NULL: nothing is resumed. */
    const char *core_before, *core;
} WarningFacts;

/* For text from a model. */
typedef struct SampleFacts {
    bool is_untrained;
    int64_t vocab_size, context, prompt_tokens, count;
    double temperature, top_p;
    int64_t top_k;
} SampleFacts;

/* For the loss of a model. */
typedef struct EvalFacts {
    bool is_untrained;
    const char *path;
    bool is_given;          /* --data names the dataset */
    bool is_train;          /* --split train */
    bool is_same, is_other; /* the tokens are those that the model was trained on, or others */
    bool lacks_tokenizer;   /* the dataset, but not the checkpoint */
    bool gains_tokenizer;   /* the checkpoint, but not the dataset */
} EvalFacts;

/* For a dataset that is made from text. */
typedef struct PrepareFacts {
    const PrepareSummary *made;
    double val;                       /* share */
    const char *split_on, *tokenizer; /* as the options say it; split_on NULL: not at all */
} PrepareFacts;

enum { WARNING_MAX = 512 };

typedef struct WarningRule {
    const char *name;
    /* Whether the warning is due; then text is its sentence. facts: of the table. */
    bool (*is_due)(const void *facts, char text[WARNING_MAX]);
} WarningRule;

/* The tables; a row without a name ends each. */
extern const WarningRule warnings_of_run[];     /* WarningFacts */
extern const WarningRule warnings_of_sample[];  /* SampleFacts */
extern const WarningRule warnings_of_eval[];    /* EvalFacts */
extern const WarningRule warnings_of_prepare[]; /* PrepareFacts */

DataFacts data_facts(const Dataset *d);

/* Facts of a config alone, on this machine. */
WarningFacts config_facts(const Config *c);

/* Calls warn() for each warning of the table that is due now and was not due before, with the same
 * sentence. before: the facts when the run was last started; NULL: there are none. */
void warnings_find(const WarningRule *table, const void *now, const void *before,
                   void (*warn)(void *context, const char *text), void *context);

/* Prints each warning that is due to stderr. */
void warnings_print(const WarningRule *table, const void *facts);

#endif

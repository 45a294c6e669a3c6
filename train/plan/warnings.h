/* Warnings: settings that are valid but make a run useless, or have no effect. All rules are in one
 * table, warnings.c: a condition on the config, the dataset and the model, and a sentence that
 * names the key and says what would be right. */
#ifndef TRAIN_PLAN_WARNINGS_H
#define TRAIN_PLAN_WARNINGS_H

#include "data/dataset.h"
#include "train/config/config.h"

/* What a rule knows about the dataset. */
typedef struct DataFacts {
    bool is_known; /* false: rules about the dataset do not apply */
    bool is_raw;   /* a token file */
    int64_t vocab_size;
    int64_t val_tokens;
} DataFacts;

typedef struct WarningFacts {
    const Config *config; /* resolved */
    DataFacts data;
    bool lacks_val;     /* the validation split has no sequence */
    int64_t packs;      /* of the training split; 0: windows, or unknown */
    int64_t half_empty; /* of them (data/packing.h) */
    /* OpenBLAS's core, when the checkpoint was made and now; NULL: nothing is resumed. */
    const char *core_before, *core;
} WarningFacts;

enum { WARNING_MAX = 512 };

typedef struct WarningRule {
    const char *name;
    /* Whether the warning is due; then text is its sentence. */
    bool (*is_due)(const WarningFacts *f, char text[WARNING_MAX]);
} WarningRule;

extern const WarningRule warning_rules[];
extern const int warning_rule_count;

DataFacts data_facts(const Dataset *d);

/* Calls warn() for each warning that is due now and was not due before, with the same sentence.
 * before: the facts when the run was last started; NULL: a fresh run. */
void warnings_new(const WarningFacts *now, const WarningFacts *before,
                  void (*warn)(void *context, const char *text), void *context);

#endif

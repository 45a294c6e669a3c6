/* The section `sweep` of a config.
 *
 *     sweep:
 *       vary:                             # every combination becomes a run
 *         optim.lr: [1e-3, 2e-3]
 *         model.width: {from: 32, to: 256, count: 4, multiple_of: 8}  # evenly spaced in log
 *         size:                           # a name of your own: settings that change together
 *           - {model.layers: 2, model.width: 32}
 *           - {model.layers: 4, model.width: 64}
 *       budgets: {from: 1e11, to: 1e13, count: 5}  # FLOPs: sets train.steps of each size
 *       batch: [2, 4, 8, 8, 8]            # train.batch at each of the budgets
 *       held_out: [4e13]                  # test budgets, left out of fits
 *       flops: products                   # how FLOPs are counted: train/plan/account.h
 *       tokens_per_parameter: {from: 2, to: 200}   # leaves out runs of a budget outside
 *       epochs: 1                         # leaves out runs with more epochs
 *       warmup_share: 0.05                # optim.warmup as a share of train.steps
 *       best_seeds: [2, 3]                # then repeats the best of each budget with these seeds
 *       best: 2                           # the number of runs of each budget that it repeats; 1
 *       trunks: true                      # trains common first steps once: train/sweep/trunk.h
 * / */
#ifndef TRAIN_SWEEP_SPEC_H
#define TRAIN_SWEEP_SPEC_H

#include <stdbool.h>

#include "train/config/yaml_events.h"

/* One setting of a cell, and its position in the file. */
typedef struct Setting {
    const char *section, *name, *value, *where;
} Setting;

/* One value of an axis: settings that change together. */
typedef struct Choice {
    const Setting *settings;
    int64_t count;
} Choice;

typedef struct SweepAxis {
    const char *name;
    Choice *choices;
    int64_t count;
} SweepAxis;

typedef struct Spec {
    SweepAxis *axes;
    double *budgets, *held_out;
    int64_t axis_count, budget_count, held_out_count;
    int64_t *batch, batch_count; /* of each budget; NULL: train.batch */
    char flops[32];
    double least_ratio, most_ratio; /* tokens per parameter */
    double most_epochs;
    double warmup_share; /* negative: optim.warmup stays */
    int64_t *seeds;      /* of best_seeds */
    int64_t seed_count, best;
    bool trunks;
} Spec;

/* Reads a section into the arena. E_CONFIG: names file, line, key and the expected value. */
Status spec_read(const ConfigNode *root, Arena *a, Spec *s);

/* Writes the section in canonical form, as lines "sweep.budgets: [1e11, 1e12]". */
void spec_write(const ConfigNode *root, FILE *out);

#endif

/* Trains a model from a config into a run's folder, or resumes a run that was interrupted. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include <stdio.h>

#include "train/config/config.h"

typedef struct TrainOptions {
    const char *config; /* file; NULL: the checkpoint's, when resuming */
    const char *const *overrides;
    int override_count;
    const char *folder; /* NULL: runs/<config name> */
    const char *from; /* a checkpoint of another run that a fresh run continues from; NULL: none */
    bool resume, overwrite, allow_change;
    bool fallback;      /* resume from an older checkpoint if the newest is damaged */
    int64_t stop_after; /* save and return after this step; 0: train.steps */
    int64_t threads;    /* 0: train.threads */
    FILE *out;          /* for progress */
} TrainOptions;

/* Reads the config that training with these options would use: from the file, the newest
 * checkpoint, or the checkpoint `from`. E_CONFIG: there is none of these, or the checkpoint cannot
 * continue with it. A run that branches off from another may have another length, and another
 * learning rate schedule from the branching step on. Up to that step the schedules must agree, so
 * the run is bit for bit the one that trained alone from the start. */
Status train_config(const TrainOptions *o, Config *c);

/* *differs: runs of the two configs may have different results. E_NOMEM. */
Status train_differs(const Config *old, const Config *new, bool *differs);

/* Trains. c: from train_config(). E_EXISTS: the folder holds a run, and neither resume nor
 * overwrite is set. E_INTERRUPTED: after a signal to stop and a clean save. E_NUMERIC: as
 * run_step(). *began: the folder belongs to this run now, so it makes sense to write its report. */
Status train(const TrainOptions *o, const Config *c, bool *began);

#endif

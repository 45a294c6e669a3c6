/* Trains a model: from a config to a run's folder (CONTRACT 4), from there on if it was cut off. */
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
    int64_t stop_after; /* save and return after this update; 0: the config's last */
    int64_t threads;    /* 0: as the config says */
    FILE *out;          /* progress */
} TrainOptions;

/* Reads the config that training with these options would use: of the file, or of the newest
 * checkpoint, or of the one that `from` names. E_CONFIG if there is none of them, or if it is not one that the
 * checkpoint can go on with. A run that branches off from another may be longer or shorter, and its learning
 * rate go another way from there; the updates that were made must have been its own, and then it is the run
 * that never branched, bit for bit. */
Status train_config(const TrainOptions *o, Config *c);

/* Whether a run of `new` may come to other results than one of `old`. E_NOMEM. */
Status train_differs(const Config *old, const Config *new, bool *differs);

/* Trains. c: what train_config() gave. E_EXISTS if the folder holds a run and neither resume nor
 * overwrite is set; E_INTERRUPTED after SIGINT or SIGTERM and a clean save; E_NUMERIC as run_step().
 * *began: whether the folder is this run's now, so that a report of it makes sense. */
Status train(const TrainOptions *o, const Config *c, bool *began);

#endif

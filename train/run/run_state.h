/* A run as a checkpoint, and back: all that going on bit for bit takes. */
#ifndef TRAIN_RUN_RUN_STATE_H
#define TRAIN_RUN_RUN_STATE_H

#include "train/checkpoint/checkpoint.h"
#include "train/monitor/state.h"
#include "train/run/run.h"

typedef struct RunState {
    Arena arena;
    char *text; /* the config, without what changes no bit */
    double record[2], noise[NOISE_NUMBERS];
    CheckpointList lists[MONITOR_LISTS + 2];
    Checkpoint checkpoint;
} RunState;

/* What a checkpoint of the run as it is now is made of: borrows r. Close in any case. */
Status run_state_open(RunState *s, const Run *r);
void run_state_close(RunState *s);

/* The same, written to path: whole or not at all. */
Status run_state_save(const Run *r, const char *path);

/* Lays a checkpoint into the run, the monitor's past with it. E_FORMAT, before anything is changed. */
Status run_state_lay(Run *r, const CheckpointReader *reader);

/* Takes the run back to an older checkpoint of its own: the monitor's past (train/monitor/monitor.h) and
 * the best held-out loss stay; but what is best belongs to no update of the run any more if that is undone. */
Status run_state_rewind(Run *r, const CheckpointReader *reader);

#endif

/* The state of a run as a checkpoint: everything that it takes to resume bit for bit. */
#ifndef TRAIN_RUN_RUN_STATE_H
#define TRAIN_RUN_RUN_STATE_H

#include "train/checkpoint/checkpoint.h"
#include "train/monitor/state.h"
#include "train/run/run.h"

typedef struct RunState {
    Arena arena;
    char *text; /* the config, without the number of threads */
    double record[2], noise[NOISE_NUMBERS];
    CheckpointList lists[MONITOR_LISTS + 2];
    Checkpoint checkpoint;
} RunState;

/* Collects the content of a checkpoint of the run. Borrows r. Close in any case. */
Status run_state_open(RunState *s, const Run *r);
void run_state_close(RunState *s);

/* Writes the checkpoint to path, atomically. */
Status run_state_save(const Run *r, const char *path);

/* Restores the run, including the monitor's past, from a checkpoint. On E_FORMAT nothing has
 * changed. */
Status run_state_restore(Run *r, const CheckpointReader *reader);

/* Rewinds the run to an older checkpoint of its own. Keeps the monitor's past (MonitorPast) and the
 * best validation loss; best_step becomes 0 if that step is undone. */
Status run_state_rewind(Run *r, const CheckpointReader *reader);

#endif

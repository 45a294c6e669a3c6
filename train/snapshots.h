/* Snapshots, RUN/snapshots/step-00000250.h5: checkpoints to rewind to after a spike; and rewinding.
 *
 * The newest few are kept. Their content depends on the run alone, and a resumed or rewound run
 * removes those of later steps, so a spike finds the same snapshots wherever the run was
 * interrupted. A run that is killed during a rewind leaves the checkpoints from before or after it;
 * resuming from either gives the same result. */
#ifndef TRAIN_SNAPSHOTS_H
#define TRAIN_SNAPSHOTS_H

#include "train/checkpoint/checkpoints.h"
#include "train/session.h"

/* At the start: removes unfinished files, and the snapshots past the run's step (all of them if the
 * run is fresh). */
Status snapshots_begin(Session *s);

/* Saves a snapshot and removes the oldest, if one is due at the run's step. */
Status snapshots_step(Session *s);

/* Removes the oldest snapshot, to make room for the run's last save. Keeps the last snapshot if it
 * is newer than the newest checkpoint. Returns whether one was removed. */
bool snapshots_remove_oldest(Session *s);

/* The path of the newest checkpoint or snapshot at least rewind_steps before the current step, or
 * of the oldest if there is none. *step: its step; -1, and path "": there is no file at all. */
Status snapshots_before(Session *s, int64_t *step, char path[CHECKPOINT_PATH_MAX]);

/* Restores the newest snapshot at least rewind_steps back, or the oldest if there is none. Without
 * snapshots (they could not be written, or were enabled only now) it uses a checkpoint, unless that
 * is further back than snapshots would be. If no file can be read, warns, sets *done to false and
 * leaves the run unchanged. */
void snapshots_rewind(Session *s, bool *done);

/* Then makes the folder match: saves the state, and removes the checkpoints, snapshots and metrics
 * of the steps that were undone. Failures are warnings. */
void snapshots_finish_rewind(Session *s);

#endif

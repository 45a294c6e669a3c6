/* Snapshots: checkpoints to go back to after a spike, RUN/snapshots/step-00000250.h5, and going back.
 *
 * The newest few are kept. What they hold is a function of the run alone, and those of updates that a
 * resumed or rewound run has not made are removed: so it does not matter where a run was interrupted, a
 * spike finds the same ones. A run that is killed while it goes back is left with checkpoints of the
 * way before or after; both lead to the same end. */
#ifndef TRAIN_SNAPSHOTS_H
#define TRAIN_SNAPSHOTS_H

#include "train/checkpoint/checkpoints.h"
#include "train/session.h"

/* At the start: removes snapshots past the run's step (all, of a fresh run) and drafts. */
Status snapshots_begin(Session *s);

/* If one is due at the run's step: makes it, and removes the oldest. */
Status snapshots_step(Session *s);

/* Removes the oldest, to make room for the run's last save; never what is newer than the newest checkpoint and
 * the last of its kind. Whether there was one. */
bool snapshots_give_up(Session *s);

/* The path of the newest checkpoint or snapshot that is at least rewind_steps before the update at hand,
 * else of the oldest: to go back to, or to compare with. *step is -1 if there is none. */
Status snapshots_before(Session *s, int64_t *step, char path[CHECKPOINT_PATH_MAX]);

/* Goes back to the newest snapshot far enough back, else the oldest. Without snapshots (they could not be
 * written, or are asked for only now) a checkpoint does, if it is no further back than they would be: more of
 * the run is not given up. *done is false, with a warning, if there is none that can be read; the run is then
 * as it was. */
void rewind_run(Session *s, bool *done);

/* After that the folder follows: the state is saved, checkpoints, snapshots and metrics of updates that are
 * undone go. What fails is a warning. */
void rewind_settle(Session *s);

#endif

/* The checkpoints of a run: RUN/checkpoints/step-00001000.h5, best.h5, latest.h5 (CONTRACT 4). */
#ifndef TRAIN_CHECKPOINT_CHECKPOINTS_H
#define TRAIN_CHECKPOINT_CHECKPOINTS_H

#include "train/checkpoint/checkpoint.h"

enum { CHECKPOINT_PATH_MAX = 4096 };

/* FOLDER/step-00001000.h5. Returns out. */
char *checkpoints_path(const char *folder, int64_t step, char out[CHECKPOINT_PATH_MAX]);

/* The steps of which there are files, ascending; *count of them, in a. No folder: none. */
Status checkpoints_list(const char *folder, Arena *a, int64_t **steps, int64_t *count);

/* Opens the newest one that is whole, and whose name is its step. *found is false (and r is closed) if there
 * are no checkpoints at all. Each one that is passed over is reported to warn, with the message; warn NULL:
 * none may be, and if the newest is not whole: E_FORMAT, which names the newest that is. If there are only
 * damaged ones: E_FORMAT. */
Status checkpoints_open_newest(const char *folder, CheckpointReader *r, bool *found,
                               void (*warn)(void *context, const char *message), void *context);

/* Saves step-N.h5 and points latest.h5 to it; then removes the oldest so that `keep` stay, never step 0.
 * best: also makes it best.h5, by a hard link, so that it outlives the rotation. Nothing older is
 * removed unless the save was whole. */
Status checkpoints_save(const char *folder, const Checkpoint *c, int64_t keep, bool best);

/* Removes the oldest so that `keep` stay, never step 0, and never what latest.h5 points to. Those past
 * `newest` are of a run that went back: they are not counted, and stay. E_IO. */
Status checkpoints_rotate(const char *folder, int64_t newest, int64_t keep);

/* Saves best.h5 alone: what is best between two saves. */
Status checkpoints_save_best(const char *folder, const Checkpoint *c);

/* Points latest.h5 to the one of step, and makes the one of step `best` best.h5 if it is there (0: leaves
 * best.h5). */
Status checkpoints_point(const char *folder, int64_t step, int64_t best);

/* Points and rotates. A process may be killed after it has saved and before it has done this: resuming does it
 * again. */
Status checkpoints_settle(const char *folder, int64_t step, int64_t best, int64_t keep);

/* Removes drafts that a killed process left. At the start of a run. */
void checkpoints_clean(const char *folder);

#endif

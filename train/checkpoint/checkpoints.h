/* The checkpoints of a run: RUN/checkpoints/step-00001000.h5, best.h5, latest.h5. */
#ifndef TRAIN_CHECKPOINT_CHECKPOINTS_H
#define TRAIN_CHECKPOINT_CHECKPOINTS_H

#include "train/checkpoint/checkpoint.h"

enum { CHECKPOINT_PATH_MAX = 4096 };

/* FOLDER/step-00001000.h5. Returns out. */
char *checkpoints_path(const char *folder, int64_t step, char out[CHECKPOINT_PATH_MAX]);

/* The steps that have a file, ascending; *count of them, in a. A missing folder has none. */
Status checkpoints_list(const char *folder, Arena *a, int64_t **steps, int64_t *count);

/* The file that is meant where a checkpoint is wanted: path or, if that is a run's folder, its
 * best.h5 if there is one, else its latest.h5. E_ARG: the folder has neither. */
Status checkpoints_find(const char *path, char found[CHECKPOINT_PATH_MAX]);

/* Opens the newest checkpoint that is intact and whose name matches its step. *found is false (and
 * r is closed) if there are no checkpoints at all. Calls warn() with a message for each damaged one
 * that it skips. warn NULL: skips none; if the newest is damaged, returns E_FORMAT and names the
 * newest intact one. E_FORMAT: all are damaged. */
Status checkpoints_open_newest(const char *folder, CheckpointReader *r, bool *found,
                               void (*warn)(void *context, const char *message), void *context);

/* Saves step-N.h5 and points latest.h5 to it; then removes the oldest so that `keep` remain, never
 * step 0. best: also makes it best.h5, by a hard link, so that rotation does not remove it. If the
 * save fails, nothing is removed. */
Status checkpoints_save(const char *folder, const Checkpoint *c, int64_t keep, bool best);

/* Removes the oldest so that `keep` remain, but never step 0 nor the target of latest.h5.
 * Checkpoints past `newest` come from before a rewind: they stay and are not counted. E_IO. */
Status checkpoints_rotate(const char *folder, int64_t newest, int64_t keep);

/* Saves only best.h5: for a best step between two saves. */
Status checkpoints_save_best(const char *folder, const Checkpoint *c);

/* Points latest.h5 to the checkpoint of `step`, and best.h5 to that of step `best` if it exists (0:
 * leaves best.h5 as it is). */
Status checkpoints_link(const char *folder, int64_t step, int64_t best);

/* The end of a save: links and rotation. A process may be killed between saving and this; resuming
 * then does it again. */
Status checkpoints_finish_save(const char *folder, int64_t step, int64_t best, int64_t keep);

/* At the start of a run: removes unfinished files of a killed process. */
void checkpoints_clean(const char *folder);

#endif

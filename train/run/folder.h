/* A run's folder (CONTRACT 4): what is in it, and who may write there. */
#ifndef TRAIN_RUN_FOLDER_H
#define TRAIN_RUN_FOLDER_H

#include "train/checkpoint/lock.h"
#include "train/config/config.h"

enum { FOLDER_PATH_MAX = 3072 };

/* The path of the folder: folder, or runs/<config name> if it is NULL. E_ARG if both are NULL. */
Status folder_path(const char *folder, const char *config, char path[FOLDER_PATH_MAX]);

/* Where a run or a sweep is: path itself, or runs/NAME if path is the file NAME.yaml. E_ARG if
 * that does not exist. */
Status folder_find(const char *path, char found[FOLDER_PATH_MAX]);

/* Makes the folder, those that it is in, and its checkpoints/; what is there stays. */
Status folder_make(const char *path);

/* Takes RUN/lock, if there is the folder and l does not hold it yet: nobody else may write there as long as
 * l is held. E_EXISTS if another process does, and still does after a second: it may be about to end. */
Status folder_occupy(const char *path, Lock *l);

/* Prepares the folder, which is there and occupied, for a fresh run. E_EXISTS if it holds one, unless overwrite is set: then the old run's
 * checkpoints, journals and report go first; files that are not a run's stay. */
Status folder_create(const char *path, bool overwrite);

/* Copies the metrics.jsonl of the run that the checkpoint RUN/checkpoints/F lies in, if there is one, to the
 * fresh run at path. */
Status folder_copy_metrics(const char *path, const char *checkpoint);

/* Writes RUN/config.yaml: what c says, and where from. Beside, then renamed. */
Status folder_write_config(const char *path, const Config *c);

#endif

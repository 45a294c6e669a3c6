/* A run's folder: its files, and the lock that decides who may write there. */
#ifndef TRAIN_RUN_FOLDER_H
#define TRAIN_RUN_FOLDER_H

#include "train/checkpoint/lock.h"
#include "train/config/config.h"

enum { FOLDER_PATH_MAX = 3072 };

/* The path of the folder: `folder`, or runs/<config name> if that is NULL. E_ARG: both are NULL. */
Status folder_path(const char *folder, const char *config, char path[FOLDER_PATH_MAX]);

/* Where a run or a sweep is: path itself, or runs/NAME if path is the file NAME.yaml. E_ARG if
 * that does not exist. */
Status folder_find(const char *path, char found[FOLDER_PATH_MAX]);

/* Makes the folder, its parents, and its checkpoints/; existing ones stay. */
Status folder_make(const char *path);

/* Takes RUN/lock, if the folder exists and l does not hold it yet: nobody else may write there
 * while l is held. Waits up to a second for a process that is about to end. E_EXISTS: another
 * process still holds it. */
Status folder_lock(const char *path, Lock *l);

/* Prepares the folder, which exists and is locked, for a fresh run. E_EXISTS: it holds a run, and
 * overwrite is not set. overwrite: deletes the old run's checkpoints, bundles, logs and report;
 * other files stay. */
Status folder_prepare(const char *path, bool overwrite);

/* Copies metrics.jsonl, if there is one, from the run of a checkpoint (RUN/checkpoints/F) to the
 * fresh run at path. */
Status folder_copy_metrics(const char *path, const char *checkpoint);

/* Writes RUN/config.yaml, with the origin of each value; atomically. */
Status folder_write_config(const char *path, const Config *c);

#endif

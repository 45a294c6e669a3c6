/* Trains the runs of a grid in parallel, as many as there are threads for, until all have finished.
 *
 * Several workers (processes on one machine, or on several that share a file system with locks) may
 * work on one sweep: the store changes only under its lock, and a worker needs the claim of a run
 * to train it (train/sweep/child.h). When a worker ends, its children end too; the next worker
 * resumes from their checkpoints. So nothing needs repair after a crash, and the final store is the
 * same. */
#ifndef TRAIN_SWEEP_RUNNER_H
#define TRAIN_SWEEP_RUNNER_H

#include "train/sweep/grid.h"

typedef struct SweepOptions {
    const char *config;
    const char *const *overrides;
    int override_count;
    const char *folder;    /* NULL: runs/<config name> */
    int64_t jobs, threads; /* parallel runs, threads of each; 0: by threads_default() */
    bool extend;           /* accept a grid that has grown */
    bool retry;            /* run failed runs again */
    bool dry_run;          /* only check the grid and print it */
    FILE *out;             /* progress */
} SweepOptions;

/* The folder of the sweep that a config describes. E_ARG. */
Status sweep_folder(const char *config, const char *folder, char out[SWEEP_PATH_MAX]);

/* Starts or resumes the sweep. E_CONFIG, E_DATA, before anything runs: an impossible cell, or
 * another sweep in the folder, with a diff. E_INTERRUPTED after SIGINT or SIGTERM, once all
 * children have saved. E_FAILED: all have ended, and some have failed. */
Status sweep_run(const SweepOptions *o);

#endif

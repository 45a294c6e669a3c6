/* Runs a grid: as many runs side by side as there are cores, until all are over.
 *
 * Several workers (processes, of one machine or of several that share a file system with locks) may run one
 * sweep: the store changes under its lock, and a run is made by who holds its claim (train/sweep/child.h). A
 * worker that ends, however it ends, takes its children with it; what they had done is in their checkpoints,
 * and the next worker resumes from there. So nothing has to be repaired, and the store ends the same. */
#ifndef TRAIN_SWEEP_RUNNER_H
#define TRAIN_SWEEP_RUNNER_H

#include "train/sweep/grid.h"

typedef struct SweepOptions {
    const char *config;
    const char *const *overrides;
    int override_count;
    const char *folder;    /* NULL: runs/<config name> */
    int64_t jobs, threads; /* side by side, and each; 0: as cores allow */
    bool extend;           /* the grid may have become larger */
    bool retry;            /* failed runs are tried again */
    bool dry_run;          /* only checks, and shows what would be run */
    FILE *out;             /* progress */
} SweepOptions;

/* The folder of the sweep that a config describes. E_ARG. */
Status sweep_folder(const char *config, const char *folder, char out[SWEEP_PATH_MAX]);

/* Starts or resumes the sweep. E_CONFIG, E_DATA, before anything runs: an impossible cell, or
 * another sweep in the folder, with a diff. E_INTERRUPTED after SIGINT or SIGTERM, once all children have
 * saved. E_FAILED: all are over, and some have failed. */
Status sweep_run(const SweepOptions *o);

#endif

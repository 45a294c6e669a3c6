/* Child processes: each run of a sweep is a process, capstan train. */
#ifndef TRAIN_SWEEP_CHILD_H
#define TRAIN_SWEEP_CHILD_H

#include <sys/types.h>

#include "train/checkpoint/lock.h"
#include "train/sweep/cell.h"

/* Takes the claim of a run, which gives the right to train it: the lock of RUN/claim. The worker
 * and its child hold it together, so it is released when both have ended, however they end. OK but
 * not held if another worker has it. Creates the folder of the run. E_IO. */
Status claim_take(const Sweep *s, const SweepRun *r, Lock *claim);

typedef struct ChildTask {
    const Cell *cell;
    const char *from;   /* a checkpoint to branch off from; NULL: none */
    int64_t stop_after; /* 0: the config's end */
    int threads;
    const Lock *claim;
} ChildTask;

/* Starts or resumes the run. The child ends when this process ends, and holds the claim as long as
 * it lives. It has its own process group, so Ctrl-C reaches only the parent. E_FAILED, E_IO. */
Status child_start(const Sweep *s, const ChildTask *task, pid_t *pid);

/* The last error message of the child, without paths and times. Returns out. */
char *child_reason(const Sweep *s, const SweepRun *r, char *out, size_t size);

#endif

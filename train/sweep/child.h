/* The runs of a sweep are processes of their own: capstan train. */
#ifndef TRAIN_SWEEP_CHILD_H
#define TRAIN_SWEEP_CHILD_H

#include <sys/types.h>

#include "train/checkpoint/lock.h"
#include "train/sweep/cell.h"

/* A claim: who holds it makes the run. It is the lock of RUN/claim, held by the sweep and by its child, so it
 * goes with the last of them, however they end. OK, and not held, if somebody else has it. Makes the run's
 * folder. E_IO. */
Status claim_take(const Sweep *s, const SweepRun *r, Lock *claim);

typedef struct ChildTask {
    const Cell *cell;
    const char *from;   /* a checkpoint to branch off from; NULL: none */
    int64_t stop_after; /* 0: the config's end */
    int threads;
    const Lock *claim;
} ChildTask;

/* Starts it, resuming if it was begun. It ends with this process, and holds the claim as long as it lives.
 * It is in a process group of its own, so Ctrl-C reaches it through its parent only. E_FAILED, E_IO. */
Status child_start(const Sweep *s, const ChildTask *task, pid_t *pid);

/* What it complained of last, without what depends on where and when it ran. Returns out. */
char *child_reason(const Sweep *s, const SweepRun *r, char *out, size_t size);

#endif

/* Reads the points that a law is fitted to.
 *
 * A CSV file has a header with the columns params, tokens and loss, in any order, and optionally
 * flops (default: 6 params tokens), unique_tokens, run (shared by the points of one training
 * curve), state (in the table of a sweep: only "done" counts) and held_out (1: a test point). The
 * column names of other published tables work as well ("Model Size", "Training FLOP"); tokens may
 * be missing if there are flops (then flops / (6 params)). */
#ifndef TRAIN_SCALING_POINTS_H
#define TRAIN_SCALING_POINTS_H

#include <stdio.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "train/plan/account.h"
#include "train/scaling/law.h"

typedef struct Points {
    LawPoint *point; /* [count]; in an arena */
    int64_t count, capacity;
    LawPoint *held; /* [held_count]: held-out test points, never fitted */
    int64_t held_count, held_capacity;
    int64_t diverged;   /* runs without a finite loss: left out */
    int64_t unfinished; /* planned, running or failed: left out */
    int64_t dropped;    /* by points_drop() */
    int64_t higher;     /* by points_keep_lowest() */
    const char *flops;  /* FLOPs convention (train/plan/account.h); NULL: unknown (CSV) */
} Points;

/* Adds the points of a CSV file, a sweep's store, or a run's folder (each evaluation is a point of
 * its curve). A loss that is empty, nan or inf counts as a diverged run. E_DATA, with file and
 * line: a missing column, a value that is not a positive number, or another FLOPs convention than
 * that of earlier points. */
Status points_read(Points *p, const char *path, Arena *arena);
Status points_add(Points *p, const LawPoint *point, bool held, Arena *arena);

/* Warns on `out` of rows of CSV files, and of runs of sweeps, that have the same numbers as an earlier
 * one, with the places of the first of them: each counts, which makes intervals too narrow.
 * E_NOMEM. */
Status points_warn_repeated(const Points *p, Arena *arena, FILE *out);

/* Removes the `count` points of largest loss. */
void points_drop(Points *p, int64_t count);

/* Keeps only the lowest of the runs of several sizes at one budget (flops within 2 %), held out or
 * not: a law of compute alone describes the best run of each budget. */
void points_keep_lowest(Points *p);

/* Sets the FLOPs convention of the points of path. E_DATA: earlier points have another one. */
Status points_count_by(Points *p, FlopsKind kind, const char *path);

/* points_read() of each kind. */
Status points_read_csv(Points *p, const char *path, Arena *arena);
Status points_read_sweep(Points *p, const char *path, Arena *arena);
Status points_read_run(Points *p, const char *folder, Arena *arena);

#endif

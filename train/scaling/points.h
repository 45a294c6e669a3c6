/* Points: what a law is fitted to, and where they come from.
 *
 * A CSV has a header with the columns params, tokens and loss, in any order, and may have flops (6 params
 * tokens if not), unique_tokens, run (points of one training curve share it), state (of a sweep's table:
 * only "done" counts) and held_out (1: kept for judging). The names that other tables give them are known
 * as well ("Model Size", "Training FLOP"); tokens may be missing where flops is there (flops / (6 params)). */
#ifndef TRAIN_SCALING_POINTS_H
#define TRAIN_SCALING_POINTS_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "train/plan/account.h"
#include "train/scaling/law.h"

typedef struct Points {
    LawPoint *point; /* [count]; in an arena */
    int64_t count, capacity;
    LawPoint *held; /* [held_count]: what laws are judged by, never fitted to */
    int64_t held_count, held_capacity;
    int64_t diverged;   /* runs without a finite loss: left out */
    int64_t unfinished; /* planned, running or failed: left out */
    int64_t dropped;    /* by points_drop() */
    int64_t higher;     /* by points_keep_lowest() */
    const char *
        flops; /* how their flops are counted (train/plan/account.h); NULL: not known, as of a CSV */
} Points;

/* Adds the points of a CSV, a sweep's store, or a run's folder (each evaluation a point of its curve).
 * E_DATA, naming file and line, if it is none, lacks a column, or holds what is no number or not positive;
 * a loss that is empty, nan or inf is a run that diverged; if its flops are counted otherwise than those before. */
Status points_read(Points *p, const char *path, Arena *arena);
Status points_add(Points *p, const LawPoint *point, bool held, Arena *arena);

/* Leaves out the `count` points of largest loss. */
void points_drop(Points *p, int64_t count);

/* Of runs of several sizes at one budget (flops within 2 %) leaves but the lowest, held out or not: a law of compute
 * alone is one of the best at each. */
void points_keep_lowest(Points *p);

/* What is added from path has its flops counted so. E_DATA: what is there is not. */
Status points_count_by(Points *p, FlopsKind kind, const char *path);

/* points_read() of each kind. */
Status points_read_csv(Points *p, const char *path, Arena *arena);
Status points_read_sweep(Points *p, const char *path, Arena *arena);
Status points_read_run(Points *p, const char *folder, Arena *arena);

#endif

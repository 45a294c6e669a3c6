/* One process at work on a sweep: what runner.c, finish.c and show.c share. */
#ifndef TRAIN_SWEEP_WORKER_H
#define TRAIN_SWEEP_WORKER_H

#include <signal.h>

#include "train/sweep/child.h"
#include "train/sweep/estimate.h"
#include "train/sweep/results.h"
#include "train/sweep/runner.h"
#include "train/sweep/trunk.h"

enum { JOBS_MAX = 256 };

typedef struct Child {
    pid_t pid; /* 0: none here */
    int64_t cell;
    Lock claim;
    int threads, deaths;
    int64_t stop_after;
    RunResults seen; /* at the last look */
} Child;

typedef struct Worker {
    const SweepOptions *options;
    Grid grid;
    Sweep sweep; /* the store as last read */
    Child *children;
    int64_t jobs, cores;
    int64_t *order; /* of the cells, as they are tried */
    bool seeded;    /* sweep.best_seeds has had its turn */
    bool told;      /* the children have been asked to stop */
    const volatile sig_atomic_t *stop;
    Estimate estimate;
    double started, looked, shown;
    bool line_open, is_terminal;
} Worker;

int64_t worker_active(const Worker *w);

/* E_CONFIG if the store's runs are not, or not any more, those of the grid. */
Status worker_check(const Worker *w, const Sweep *now);

/* Changes what the store says of a run: state, reason, and of one that is done tokens and loss. */
Status worker_record(Worker *w, int64_t cell, SweepState state, const char *reason,
                     const RunResults *results);

/* Starts or goes on with the child's cell; the claim is there. */
Status worker_start(Worker *w, Child *c);

/* A child has ended (status: waitpid's): records it, or starts it again. */
Status worker_ended(Worker *w, Child *c, int status);

/* What the sweep is, once; a line a run that is over; and how it goes as a whole. */
void show_plan(Worker *w);
void show_end(Worker *w, int64_t cell);
void show_progress(Worker *w);
void show_line(Worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

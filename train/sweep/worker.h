/* A worker, one process of a sweep: shared by runner.c, finish.c and show.c. */
#ifndef TRAIN_SWEEP_WORKER_H
#define TRAIN_SWEEP_WORKER_H

#include <signal.h>

#include "train/sweep/child.h"
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
    RunResults seen; /* as last read */
} Child;

/* Estimates the remaining time from the speed of runs so far. */
typedef struct Estimate {
    double *rates; /* by cell: seconds per FLOP; 0: unknown */
    int64_t count;
} Estimate;

typedef struct SweepWorker {
    const SweepOptions *options;
    SweepGrid grid;
    Sweep sweep; /* the store as last read */
    Child *children;
    int64_t jobs, threads; /* parallel runs; threads of all: OMP_NUM_THREADS, or one per core */
    int64_t *order;        /* the cells in the order of starting */
    bool seeded;           /* the runs of sweep.best_seeds were added */
    bool is_stopping;      /* the children have been asked to stop */
    const volatile sig_atomic_t *stop;
    volatile sig_atomic_t *save_request;
    Estimate estimate;
    double started, looked, shown;
    bool line_open, is_terminal;
} SweepWorker;

/* E_NOMEM. free(e->rates) in any case. */
Status estimate_open(Estimate *e, int64_t count);

/* Records that cell i took `seconds` for `steps`. */
void estimate_note(Estimate *e, const Cell *cells, int64_t i, int64_t steps, double seconds);

/* The estimated seconds for `steps` of cell i, by the known cell of the nearest size; 0:
 * unknown. */
double estimate_seconds(const Estimate *e, const Cell *cells, int64_t i, int64_t steps);

/* Reads or creates the store of the grid in s->folder, under its lock. Resets runs to retry.
 * E_CONFIG, with a diff: it belongs to another grid. */
Status grid_store_open(const SweepOptions *o, SweepGrid *g, const char *folder, Sweep *s);

/* Once all runs of the grid have ended: adds those of sweep.best_seeds to grid and store, under the
 * lock. *added: their number. */
Status grid_store_add_seeds(SweepGrid *g, Sweep *s, int64_t *added);

int64_t worker_active(const SweepWorker *w);

/* E_CONFIG if the runs of the store are no longer those of the grid. */
Status worker_check(const SweepWorker *w, const Sweep *now);

/* Changes a run in the store: state, reason and, from results unless NULL, tokens and loss. */
Status worker_record(SweepWorker *w, int64_t cell, SweepState state, const char *reason,
                     const RunResults *results);

/* Starts or resumes the cell of the child, whose claim is held. */
Status worker_start(SweepWorker *w, Child *c);

/* Handles the end of a child (status of waitpid()): records the result, or starts it again. */
Status worker_ended(SweepWorker *w, Child *c, int status);

/* Print the plan, and warnings of a sweep that is new or extended, once; one line per finished run;
 * and the overall progress. */
void show_plan(SweepWorker *w);
void show_warnings(SweepWorker *w);
void show_end(SweepWorker *w, int64_t cell);
void show_progress(SweepWorker *w);
void show_line(SweepWorker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

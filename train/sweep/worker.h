/* One process at work on a sweep: what runner.c, finish.c and show.c share. */
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
    RunResults seen; /* at the last look */
} Child;

/* How long a sweep will take, from how long its runs took so far. */
typedef struct Estimate {
    double *rates; /* by cell: seconds a FLOP; 0: unknown */
    int64_t count;
} Estimate;

typedef struct SweepWorker {
    const SweepOptions *options;
    SweepGrid grid;
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
} SweepWorker;

/* E_NOMEM. free(e->rates) in any case. */
Status estimate_open(Estimate *e, int64_t count);

/* What cell i has shown: so many steps in so many seconds. */
void estimate_note(Estimate *e, const Cell *cells, int64_t i, int64_t steps, double seconds);

/* Seconds that `steps` of cell i take, by the cell of the nearest size that is known; 0: none is. */
double estimate_seconds(const Estimate *e, const Cell *cells, int64_t i, int64_t steps);

/* Reads the store of the grid in s->folder, or makes it; with the lock. Sets back what is to be tried again.
 * E_CONFIG, with a diff: it was made for another grid. */
Status grid_store_open(const SweepOptions *o, SweepGrid *g, const char *folder, Sweep *s);

/* Once all runs of the grid are over: adds those of sweep.best_seeds to grid and store; with the lock, s as
 * it is now. *added is how many there are of them. */
Status grid_store_add_seeds(SweepGrid *g, Sweep *s, int64_t *added);

int64_t worker_active(const SweepWorker *w);

/* E_CONFIG if the store's runs are not, or not any more, those of the grid. */
Status worker_check(const SweepWorker *w, const Sweep *now);

/* Changes what the store says of a run: state, reason, and of one that is done tokens and loss. */
Status worker_record(SweepWorker *w, int64_t cell, SweepState state, const char *reason,
                     const RunResults *results);

/* Starts or goes on with the child's cell; the claim is there. */
Status worker_start(SweepWorker *w, Child *c);

/* A child has ended (status: waitpid's): records it, or starts it again. */
Status worker_ended(SweepWorker *w, Child *c, int status);

/* What the sweep is, once; a line a run that is over; and how it goes as a whole. */
void show_plan(SweepWorker *w);
void show_end(SweepWorker *w, int64_t cell);
void show_progress(SweepWorker *w);
void show_line(SweepWorker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

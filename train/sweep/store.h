/* The store of a sweep, SWEEP/sweep.h5: its runs in the order of the grid, with the state and
 * result of each. The runs' folders are SWEEP/runs/ID.
 *
 * The content depends only on the config and the results of runs, not on clock, process, host or
 * path: a sweep that was killed and resumed ends with the same bytes as an uninterrupted one. Times
 * are in each run's metrics.jsonl.
 *
 * The file is written atomically (data/h5.h) by the holder of the store's lock: read, change,
 * write. */
#ifndef TRAIN_SWEEP_STORE_H
#define TRAIN_SWEEP_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "data/block.h"

extern const BlockKind sweep_kind;

/* X(name, has the run ended) */
#define SWEEP_STATE_LIST(X) \
    X(planned, false)       \
    X(running, false)       \
    X(done, true)           \
    X(failed, true)         \
    X(diverged, true)

#define X(name, over) SWEEP_##name,
typedef enum SweepState { SWEEP_STATE_LIST(X) SWEEP_STATES } SweepState;
#undef X

const char *sweep_state_name(SweepState s);
bool sweep_state_is_over(SweepState s);

enum { SWEEP_ID = 16, SWEEP_PATH_MAX = 3072 };

/* A cell of the grid. Texts live as long as the Sweep. */
typedef struct SweepRun {
    char id[SWEEP_ID + 1]; /* XXH3-64 of the resolved config, hexadecimal; names its folder */
    SweepState state;
    const char *overrides;    /* "section.key=value" lines: the settings of this cell */
    const char *reason;       /* why it failed or diverged; "" */
    double budget;            /* FLOPs that its steps were chosen for; 0: chosen by the grid */
    bool held_out;            /* a test point: left out of fits */
    bool extra;               /* a budget's best run with another seed (best_seeds) */
    int64_t params;           /* all */
    int64_t params_embedding; /* of these, embed, positions and head */
    int64_t steps;
    int64_t tokens;         /* trained on: planned; once done, as counted by the run */
    int64_t unique_tokens;  /* of the training split: tokens / unique_tokens epochs */
    double flops_per_token; /* by the sweep's convention */
    double flops;           /* flops_per_token x tokens */
    double loss; /* final validation loss, nats per token; NaN: none. Valid only if done */
    uint64_t seed;
    double seconds; /* of training, without the trunk's; 0: unknown; set by sweep_seconds() */
} SweepRun;

typedef struct Sweep {
    Arena arena;
    char folder[SWEEP_PATH_MAX]; /* that the store is in */
    char flops[32];              /* the convention: train/plan/account.h */
    const char *config;          /* the definition of the grid, "key: value" lines */
    SweepRun *runs;
    int64_t count;
} Sweep;

/* Reads the store at path: a folder or its sweep.h5. E_DATA if there is none or it is damaged.
 * Needs no lock. Close in any case. */
Status sweep_store_read(const char *path, Sweep *s);
void sweep_close(Sweep *s);

/* Writes s->folder/sweep.h5: E_IO, and the old one stays. Only with the lock. */
Status sweep_store_write(const Sweep *s);

/* The folder of the sweep at path: path itself, or the folder of a sweep.h5. E_ARG: too long. */
Status sweep_locate(const char *path, char folder[SWEEP_PATH_MAX]);

/* Fills `seconds` of the runs from their own journals. */
void sweep_seconds(Sweep *s);

/* SWEEP/runs/ID and what is in it (name may be ""). Returns out. */
char *sweep_run_path(const Sweep *s, const SweepRun *r, const char *name, char out[SWEEP_PATH_MAX]);

/* Whether path is a sweep (a folder with a store, or a store), by its name alone. */
bool sweep_is_store(const char *path);

/* The store's lock: waits for it. E_IO. The descriptor is closed by sweep_unlock() or the process's
 * end. */
Status sweep_lock(const char *folder, int *lock);
void sweep_unlock(int lock);

#endif

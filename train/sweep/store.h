/* A sweep's store, SWEEP/sweep.h5: which runs there are, in the order of the grid, the state of each,
 * and its result. The runs' folders are SWEEP/runs/ID.
 *
 * What is in it follows from the config and from what the runs gave: no clock, process, host or path of the
 * sweep, so a sweep that was killed and resumed ends with the same bytes as one that was not. Seconds are
 * those that a run's own metrics.jsonl tells.
 *
 * It is written whole or not at all (data/h5.h), by whoever holds the store's lock: read, change, write. */
#ifndef TRAIN_SWEEP_STORE_H
#define TRAIN_SWEEP_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "data/block.h"

extern const BlockKind sweep_kind;

/* X(name, is the run over) */
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
    const char *overrides;    /* "section.key=value" lines: what this cell sets */
    const char *reason;       /* why it failed or diverged; "" */
    double budget;            /* FLOPs that its steps were chosen for; 0: chosen by the grid */
    bool held_out;            /* not for fits: what they are judged by */
    bool extra;               /* another seed of a budget's best (sweep.best_seeds) */
    int64_t params;           /* all */
    int64_t params_embedding; /* of these, embed, positions and head */
    int64_t steps;
    int64_t tokens;         /* learnt from: planned; once done, as the run counted them */
    int64_t unique_tokens;  /* of the training split: tokens / unique_tokens epochs */
    double flops_per_token; /* by the sweep's convention */
    double flops;           /* flops_per_token x tokens */
    double
        loss; /* held out, at the end: nats a token; NaN: none. Of a run that is not done it is for no fit */
    uint64_t seed;
    double
        seconds; /* of training so far, without a trunk's; 0: unknown. Not in the store: sweep_seconds() */
} SweepRun;

typedef struct Sweep {
    Arena arena;
    char folder[SWEEP_PATH_MAX]; /* that the store is in */
    char flops[32];              /* the convention: train/plan/account.h */
    const char *config;          /* "key: value" lines: all that the grid was made of */
    SweepRun *runs;
    int64_t count;
} Sweep;

/* Reads the store at path: a folder or its sweep.h5. E_DATA if there is none or it is damaged. Needs no
 * lock. Close in any case. */
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

/* The store's lock: waits for it. E_IO. The descriptor is closed by sweep_unlock() or the process's end. */
Status sweep_lock(const char *folder, int *lock);
void sweep_unlock(int lock);

#endif

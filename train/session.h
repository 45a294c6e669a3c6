/* A training run in this process, from its folder to its journals: what train.c, spikes.c and rewind.c
 * share. */
#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H

#include <signal.h>

#include "train/generate/sample.h"
#include "train/progress.h"
#include "train/run/folder.h"
#include "train/run/metrics_log.h"
#include "train/train.h"

typedef struct Session {
    const TrainOptions *options;
    const Config *config;
    char folder[FOLDER_PATH_MAX], checkpoints[FOLDER_PATH_MAX + 16],
        snapshots[FOLDER_PATH_MAX + 16];
    Run run;
    Lock lock;
    RunLog log;
    Progress progress;
    Tokenizer *tokenizer; /* NULL: raw tokens */
    Decoder decoder;      /* open if samples are wanted */
    char core[64];        /* OpenBLAS's when the checkpoint was made; "": a fresh run */
    const volatile sig_atomic_t *stop; /* the signal that asked for it; 0: none has */
    int64_t saved;                     /* the step of the newest checkpoint; -1: none */
    bool outdated; /* that checkpoint is of other settings, or of updates that were undone */
    bool
        evaluating; /* what comes after an evaluation that failed must not be saved: it is to be made again */
    int64_t patience; /* updates between a save that failed and its next try; 0: none has */
    int64_t retry;    /* the step of that */
    int64_t logged;   /* r->tokens at the last training line */
    double logged_seconds;
} Session;

/* An event for the journal; that it cannot be written now is told, and no reason to stop. */
void session_note(Session *s, const char *kind, const char *text);

/* A warning to people and to the journal of events; text may be error_message(). */
void session_tell(Session *s, const char *kind, const char *text);

/* The step's checkpoint (best.h5 too, if it is the best), or best.h5 alone. E_IO, E_NOMEM: what was saved
 * before stays. */
Status session_save(Session *s, bool only_best);

#endif

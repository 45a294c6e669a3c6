/* A training run in this process, with its folder and journals: the state that the files of the loop share. */
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
    Tokenizer *tokenizer; /* NULL: a token file */
    Decoder decoder;      /* open if samples are wanted */
    char core[64];        /* OpenBLAS's core when the checkpoint was made; "": a fresh run */
    const volatile sig_atomic_t *stop; /* the signal that asks to stop; 0: none */
    int64_t saved;                     /* the step of the newest checkpoint; -1: none */
    bool outdated;    /* that checkpoint has other settings, or steps that were undone */
    bool evaluating;  /* after a failed evaluation nothing is saved: it must be repeated */
    int64_t patience; /* steps between a failed save and its next try; 0: none has failed */
    int64_t retry;    /* the step of the next try */
    int64_t logged;   /* r->tokens at the last training line */
    double logged_seconds;
} Session;

/* Everything that the loop prints and writes goes through these functions, all in session.c: so one place decides
 * who prints and writes. */

/* A line on the screen; printf's arguments. */
void session_print(Session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An event for events.jsonl. If it cannot be written yet, that is a warning. */
void session_event(Session *s, const char *kind, const char *text);

/* A warning, on the screen and in events.jsonl; text may be error_message(). */
void session_warn(Session *s, const char *kind, const char *text);

/* A spike, on the screen and in events.jsonl; bundle: its folder, "": none. */
void session_spike(Session *s, const Judgement *j, const char *kind, const char *message,
                   const char *bundle);

/* Lines of metrics.jsonl: a step, an evaluation; and the removal of those past the run's step. */
void session_log_training(Session *s, int64_t step, double tokens_per_second);
void session_log_evaluation(Session *s, double val_loss);
void session_log_rewind(Session *s);

/* Makes the folder, takes its lock, and prepares it for a fresh, branching or resumed run. E_EXISTS, E_IO. */
Status session_open_folder(Session *s, bool branches);
Status session_write_config(Session *s);

/* Finishes what a killed process may have left undone after its last save. */
void session_settle(Session *s);

/* Saves the step's checkpoint (and best.h5, if it is the best), or best.h5 alone. E_IO, E_NOMEM: older ones
 * stay. */
Status session_save(Session *s, bool only_best);

/* The same for a checkpoint that is due: a failure is a warning, and it is tried again after 1, 2, 4, 8 ...
 * steps, until it succeeds. */
void session_save_due(Session *s, bool only_best);

/* The run as a checkpoint at another path: a snapshot, or a part of a bundle. */
Status session_save_state(Session *s, const char *path);

/* Flushes the journals; `status` is what training ended with. Metrics that lack lines are an error, events that
 * do a warning. */
Status session_finish(Session *s, Status status);

#endif

/* A training run in this process: the state that the files of the loop share, and the functions
 * through which they print and write. */
#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H

#include <signal.h>

#include "train/diagnose/bundle.h"
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
    MetricsLog log;
    Progress progress;
    Tokenizer *tokenizer; /* NULL: a token file */
    Decoder decoder;      /* open if samples are wanted */
    Config *before;       /* of the checkpoint that is resumed; NULL: a fresh run */
    char core[64];        /* OpenBLAS's core when the checkpoint was made; "": a fresh run */
    const volatile sig_atomic_t *stop;   /* the signal that asks to stop; 0: none */
    volatile sig_atomic_t *save_request; /* SIGUSR1: save and continue */
    int64_t saved;                       /* the step of the newest checkpoint; -1: none */
    int64_t init_step;                   /* of the checkpoint train.init_from; -1: not used */
    bool outdated;         /* that checkpoint has other settings, or steps that were undone */
    bool evaluating;       /* after a failed evaluation nothing is saved: it must be repeated */
    int64_t retry_delay;   /* steps between a failed save and the next try; 0: none has failed */
    int64_t retry_step;    /* the step of the next try */
    int64_t logged_tokens; /* tokens and seconds of training at the last training line */
    double logged_seconds;
} Session;

/* Everything that the loop prints, and every change it makes in the run's folder, goes through the
 * functions below. All are in session.c, so a program in which only one process may print and write
 * has to change that file alone. */

/* Starts the progress line; `end`: the step at which this session stops. */
void session_begin_progress(Session *s, int64_t end);

/* After each step: updates the progress line. */
void session_show_step(Session *s);

/* Prints a line; printf's arguments. */
void session_print(Session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints a sample of `tokens` tokens; 0: only checks that the prompt can be encoded. */
Status session_sample(Session *s, int64_t tokens);

/* Appends an event to events.jsonl. Prints a warning if it cannot be written yet. */
void session_event(Session *s, const char *kind, const char *text);

/* A warning: printed, and appended to events.jsonl. text may be error_message(). */
void session_warn(Session *s, const char *kind, const char *text);

/* The same, but printed to stderr. */
void session_warn_stderr(Session *s, const char *kind, const char *text);

/* A step that is unusual, but no spike: only appended to events.jsonl. */
void session_unusual(Session *s, const Judgement *j);

/* A spike: printed, and appended to events.jsonl. bundle: its folder; "": none. */
void session_spike(Session *s, const Judgement *j, const char *kind, const char *message,
                   const char *bundle);

/* Append a line to metrics.jsonl: of a training step; of an evaluation. */
void session_log_training(Session *s, int64_t step, double tokens_per_second);
void session_log_evaluation(Session *s, double val_loss);

/* Removes the lines of metrics.jsonl past the run's step. */
void session_log_rewind(Session *s);

/* Takes the lock of the run's folder, if the folder exists. E_EXISTS: another process has it. */
Status session_lock(Session *s);

/* Makes the folder, takes its lock, and prepares it for a fresh, branching or resumed run.
 * E_EXISTS, E_IO. */
Status session_open_folder(Session *s, bool branches);
Status session_write_config(Session *s);

/* Finishes the last save of a process that was killed during it: links and rotation. */
void session_finish_save(Session *s);

/* Saves the step's checkpoint (and best.h5, if it is the best), or best.h5 alone. E_IO, E_NOMEM:
 * older ones stay. */
Status session_save(Session *s, bool only_best);

/* The same for a checkpoint that is due: a failure is a warning, and it is tried again after 1, 2,
 * 4, 8 ... steps, until it succeeds. */
void session_save_due(Session *s, bool only_best);

/* Saves the run's state as RUN/snapshots/step-N.h5. */
Status session_save_snapshot(Session *s);

/* Removes unfinished files of a killed process from RUN/snapshots. */
void session_clean_snapshots(Session *s);

/* Removes checkpoints in `folder`: those of steps past `newest`, and the oldest of the rest so that
 * `keep` stay (-1: all). */
Status session_prune(Session *s, const char *folder, int64_t newest, int64_t keep);

/* Removes one checkpoint. */
Status session_remove(Session *s, const char *path);

/* Writes a bundle: makes its folder, adds RUN's checkpoint `before` as before.h5 ("": none) and the
 * run's state as at.h5, then writes bundle.json. */
Status session_open_bundle(Session *s, Bundle *b);
Status session_write_bundle(Session *s, Bundle *b, const char *before);

/* Removes the checkpoints of a bundle that could not be completed: they are large and of no use. */
void session_discard_bundle(Session *s, const Bundle *b);

/* Flushes the logs; `status`: the result of training. Missing metrics lines are an error, missing
 * events a warning. */
Status session_finish(Session *s, Status status);

/* Closes the logs, drops the lock and flushes the output. The run is closed already. */
void session_close(Session *s);

#endif

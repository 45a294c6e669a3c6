/* What training shows while it runs: one line that changes on a terminal, plain lines elsewhere. */
#ifndef TRAIN_PROGRESS_H
#define TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "train/run/run.h"

typedef struct Progress {
    FILE *out;
    bool is_terminal;
    double shown;     /* when the last line was */
    double started;   /* clock at the first update of this session */
    int64_t first;    /* r->step then */
    int64_t end;      /* r->step when the session is over */
    int64_t tokens;   /* r->tokens then */
    double paused;    /* seconds that went into evaluations, samples and saves */
    int64_t left_out; /* lines, because nobody took them */
    bool line_open;   /* the terminal's cursor stands behind a line that will change */
} Progress;

void progress_begin(Progress *p, const Run *r, int64_t end, FILE *out);

/* After each update; shows something at most some times a second. */
void progress_step(Progress *p, const Run *r, double tokens_per_second);

/* A line that stays; printf's arguments. Training waits for nobody: a line that is not read is left out, and
 * how many were is said when there is a reader again. */
void progress_note(Progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The line that changes stays as it is; what is printed next begins a new one. */
void progress_end(Progress *p);

#endif

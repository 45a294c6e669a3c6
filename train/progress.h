/* The progress of training: on a terminal one line that is updated in place, elsewhere plain
 * lines. */
#ifndef TRAIN_PROGRESS_H
#define TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "train/run/run.h"

typedef struct Progress {
    FILE *out;
    bool is_terminal;
    double shown;    /* time of the last line */
    int64_t tokens;  /* r->tokens then */
    double seconds;  /* training seconds then */
    double started;  /* time of the session's start */
    int64_t first;   /* r->step at the start */
    int64_t end;     /* r->step at the end of the session */
    double paused;   /* seconds spent on evaluations, samples and saves */
    int64_t dropped; /* lines that nobody read */
    bool line_open;  /* the cursor is at the end of a line that will be updated */
} Progress;

/* seconds: of training, so far. */
void progress_begin(Progress *p, const Run *r, double seconds, int64_t end, FILE *out);

/* After each step; prints a few times per second at most. */
void progress_step(Progress *p, const Run *r, double seconds);

/* Prints a line of its own; printf's arguments. Training never waits for a reader: lines that
 * nobody reads are dropped, and their number is printed once there is a reader again. */
void progress_note(Progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Ends the line that is updated in place, so that further output begins on a new one. */
void progress_end(Progress *p);

#endif

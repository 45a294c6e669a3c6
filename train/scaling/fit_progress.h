/* The progress of a long fit, on standard error: a line that is updated in place on a terminal,
 * now and then a plain line elsewhere, and nothing for what takes less than two seconds. */
#ifndef TRAIN_SCALING_FIT_PROGRESS_H
#define TRAIN_SCALING_FIT_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct FitProgress {
    FILE *out;
    bool is_terminal;
    const char *what; /* is counted */
    int64_t count;
    _Atomic int64_t done;
    double began, due; /* times: of the count's start, of the next line */
    bool line_open;
} FitProgress;

/* p may be NULL in all of these: no progress is shown. */
void fit_progress_begin(FitProgress *p, const char *what, int64_t count);

/* One more is done. Threads may call it at once; worker 0 prints. */
void fit_progress_add(FitProgress *p, int worker);

/* Takes the line off the terminal. */
void fit_progress_end(FitProgress *p);

#endif

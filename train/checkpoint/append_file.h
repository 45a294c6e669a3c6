/* A file that lines are added to, whole, whatever the disk does: a line that cannot be written waits in
 * memory, and goes in its turn before the next one. So a disk that was full for a while leaves no gap. Lines stay in
 * memory until fsync() has succeeded: after one that failed they are written again.
 *
 * Lines go out in one write(), so that a kill leaves whole ones; what a crash cut is dropped when the file
 * is opened. */
#ifndef TRAIN_CHECKPOINT_APPEND_FILE_H
#define TRAIN_CHECKPOINT_APPEND_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"

typedef struct Lines {
    int fd; /* -1: not open */
    char path[PATH_MAX];
    int64_t end;        /* of the whole lines in the file */
    bool torn;          /* what is behind them is to be cut off first */
    bool unsynced;      /* something is not on the disk yet */
    char *waiting;      /* lines that are not known to be on the disk */
    int64_t written;    /* bytes of them that are in the file; the others wait */
    int64_t size, room; /* bytes of all of them */
    int64_t lost;       /* lines that there was no memory for */
    bool told;          /* that some wait */
} Lines;

/* E_IO, E_ARG. Close in any case; closing loses what waits. */
Status lines_open(Lines *l, const char *folder, const char *name);
void lines_close(Lines *l);

/* Adds a line, its newline included. E_IO when it is the first that has to wait, E_NOMEM when one is lost:
 * what to tell people; neither is a reason to stop. */
Status lines_add(Lines *l, const char *line, int64_t size);

/* Keeps only the first `kept` bytes of the file's and of those that wait. E_IO: later. */
Status lines_cut(Lines *l, int64_t kept, int64_t waiting);

/* All of it is on the disk, or E_IO: not yet. E_NOMEM: lines were lost. */
Status lines_sync(Lines *l);

#endif

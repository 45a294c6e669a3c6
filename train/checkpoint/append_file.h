/* A file to which whole lines are appended. A line that cannot be written waits in memory and is
 * written before the next one, so a disk that is full for a while leaves no gap. AppendFile stay in
 * memory until fsync() has succeeded; if it fails, they are written again.
 *
 * AppendFile are written with one write(), so a kill leaves whole ones. A line that a crash cut
 * short is removed when the file is opened. */
#ifndef TRAIN_CHECKPOINT_APPEND_FILE_H
#define TRAIN_CHECKPOINT_APPEND_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"

typedef struct AppendFile {
    int fd; /* -1: not open */
    char path[PATH_MAX];
    int64_t end;        /* end of the last whole line in the file */
    bool torn;          /* the file has to be truncated to `end` first */
    bool unsynced;      /* some bytes are not on the disk yet */
    char *waiting;      /* lines that are not known to be on the disk */
    int64_t written;    /* bytes of them that are in the file; the others wait */
    int64_t size, room; /* bytes of all of them */
    int64_t lost;       /* lines lost for lack of memory */
    bool reported;      /* the caller knows that lines wait */
} AppendFile;

/* E_IO, E_ARG. Close in any case; lines that wait are lost then. */
Status append_file_open(AppendFile *l, const char *folder, const char *name);
void append_file_close(AppendFile *l);

/* Appends a line, including its newline. E_IO: the first line that has to wait. E_NOMEM: the first
 * line that is lost. Report both, but continue. */
Status append_file_add(AppendFile *l, const char *line, int64_t size);

/* Keeps only the first `kept` bytes of the file, and `waiting` bytes of the lines that wait. E_IO:
 * this will be done later. */
Status append_file_cut(AppendFile *l, int64_t kept, int64_t waiting);

/* Makes everything durable. E_IO: some lines still wait. E_NOMEM: lines were lost. */
Status append_file_sync(AppendFile *l);

#endif

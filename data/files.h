/* Atomic file writes: a file is written completely or not at all.
 *
 * A draft is written beside the file that it will replace, as "PATH.tmp.RANDOM", and takes its
 * place with rename() once all of it is on the disk: readers see the old file or the new one. Its
 * writer holds a lock (flock) on it, so that no other process, of another container or user either,
 * takes it for an abandoned one. A kill leaves at most an unlocked draft: the next draft_open() of
 * the same path removes it, as does files_clean().
 *
 * Files that are written in place (locks, journals) are opened by file_open_own(): a run's folder
 * may come from somebody else, and a link in it must not lead our writes to another file. */
#ifndef DATA_FILES_H
#define DATA_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include "autograd/base/error.h"

/* Every change of a file goes through this table, so that tests can make the n-th call fail. */
typedef struct FileCalls {
    int (*open)(const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t size);
    ssize_t (*pwrite)(int fd, const void *bytes, size_t size, off_t at);
    int (*ftruncate)(int fd, off_t size);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*link)(const char *from, const char *to);
    int (*symlink)(const char *target, const char *path);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rmdir)(const char *path);
    int (*statvfs)(const char *folder, struct statvfs *disk);
} FileCalls;

extern const FileCalls file_calls_system;
extern _Thread_local const FileCalls *file_calls; /* tests replace it; by default the system's */

enum { DRAFT_BUFFER = 1 << 16 };

typedef struct Draft {
    char path[PATH_MAX], temporary[PATH_MAX + 32];
    int fd, lock;  /* the same open file twice: the lock lasts until it is in place */
    bool exists;   /* the draft exists and must be removed unless finished */
    int64_t total; /* size of the finished file, for messages */
    int64_t used;
    unsigned char buffer[DRAFT_BUFFER];
} Draft;

/* All return E_IO with path, the reason, and the bytes needed and free. Call draft_close() in any
 * case: it removes an unfinished draft. total: the final size, checked against the free space (0:
 * unknown). */
Status draft_open(Draft *d, const char *path, int64_t total);
Status draft_write(Draft *d, const void *bytes, int64_t size);                 /* appends */
Status draft_patch(Draft *d, const void *bytes, int64_t size, int64_t offset); /* overwrites */
Status draft_finish(Draft *d); /* flush, fsync, rename, fsync of the folder */
void draft_close(Draft *d);

/* Writes text to a file, completely or not at all. E_IO. */
Status file_write(const char *path, const char *text, int64_t size);

/* Returns status; adds the name of the file to a message of E_NOMEM. */
Status file_saved(const char *path, Status status);

/* Text that is written with fprintf() and then saved as a file, completely or not at all. */
typedef struct FileText {
    FILE *out;
    char *text;
    size_t size;
} FileText;

Status file_text_open(FileText *t, const char *path); /* E_NOMEM */

/* Closes t in any case. status: of producing the text; unless it is OK, returns it and writes
 * nothing. E_NOMEM, E_IO. */
Status file_text_save(FileText *t, Status status, const char *path);

/* Writes all bytes, across short writes and signals; 0, or -1 with errno. */
int file_write_all(int fd, const void *bytes, int64_t size);

/* Makes path another name of the file `existing` (a hard link; a copy where there are none), or a
 * symbolic link to `target`, and replaces path. E_IO. */
Status file_alias(const char *existing, const char *path);
Status file_point(const char *target, const char *path);

/* Makes path a copy of the file `existing`, completely or not at all. E_IO. */
Status file_copy(const char *existing, const char *path);

/* Opens a file to write in place; flags as of open(), O_CREAT to make it, O_TRUNC to empty it after
 * the checks. Refuses everything but a regular file of this user with one name: symbolic links are
 * not followed, and a FIFO or a device does not block. E_IO with path and what it is. */
Status file_open_own(const char *path, int flags, int *fd);

/* Opens a file to read, close with fclose(). NULL: *why says why not. Neither waits for a FIFO.
 * file_open_regular(): a file that a program of ours has written; nothing but a regular file is.
 * file_open_given(): one that the user names, which may be a pipe or a device. */
FILE *file_open_regular(const char *path, const char **why);
FILE *file_open_given(const char *path, const char **why);

/* "PATH.tmp.RANDOM" for a draft or a link beside path. Returns out. */
char *file_draft_name(const char *path, char *out, size_t size);

Status file_remove(const char *path); /* E_IO; OK if there is none */

Status
file_remove_folder(const char *path); /* E_IO; OK if there is none, or if something is in it */

/* Makes the folder unless it exists; its parent exists. E_IO. */
Status file_make_folder(const char *path);

/* The same for a folder inside a run or a sweep: refuses a symbolic link, which could lead
 * elsewhere. */
Status file_make_own_folder(const char *path);

/* Makes the missing parent folders of path. E_IO; E_ARG: too long. */
Status file_make_parents(const char *path);

/* Flushes the folder that holds path, so that path survives a loss of power. E_IO. */
Status file_settle(const char *path);

/* Removes the drafts that dead processes left in the folder, of files whose names begin with
 * prefix, and their temporary links. The caller holds the folder's lock. */
void files_clean(const char *folder, const char *prefix);

/* The folder that holds path ("." if it names none), and the name in it. */
void file_folder(const char *path, char out[PATH_MAX]);
const char *file_name(const char *path);

#endif

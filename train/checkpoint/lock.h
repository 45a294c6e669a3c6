/* A lock on a folder: the process that holds the flock() of a file there may write in it.
 *
 * Only the flock() counts. It ends with the process, however that ends: after a kill -9, a crash or
 * a reboot nothing has to be removed. The file's text, "PID HOST", is for people. A process that
 * shuts down cleanly erases it, so a text that is found there was left by one that did not. Between
 * hosts that share a network folder this works if its file system shares locks: NFS does, unless it
 * is mounted with nolock or local_lock. */
#ifndef TRAIN_CHECKPOINT_LOCK_H
#define TRAIN_CHECKPOINT_LOCK_H

#include <stdbool.h>

#include "autograd/base/error.h"

enum { LOCK_TEXT_MAX = 320 };

typedef struct Lock {
    int file;     /* -1: not ours */
    bool missing; /* the file system has no locks: other processes are not kept out */
    char before
        [LOCK_TEXT_MAX]; /* the holder, or a previous one that did not shut down cleanly; "" */
} Lock;

/* Takes the lock of the file at path, which it makes if necessary; the file stays, empty, when the
 * lock is dropped. If another process has the lock: OK, and file is -1. E_IO. */
Status lock_take(Lock *l, const char *path);
void lock_drop(Lock *l);

/* The holder, as "PID HOST"; "" if there is none. Escaped, for printing. Returns out. */
char *lock_holder(const char *path, char out[LOCK_TEXT_MAX]);

/* Whether "PID HOST" is on this host. */
bool lock_is_here(const char *who);

#endif

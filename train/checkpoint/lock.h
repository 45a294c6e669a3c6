/* Who may write in a folder: the process that holds the lock (flock) on a file there.
 *
 * The lock is the truth. It goes with the process, however that ends: after a kill -9, a crash or a reboot
 * there is nothing to remove. What the file says, "PID HOST", is for people; a process that ends in order
 * takes it out, so what a newcomer finds there was left by one that was cut off. Hosts that share a network
 * folder are kept apart as far as its file system carries locks from one to the other: NFS does, unless it is
 * mounted with nolock or local_lock. */
#ifndef TRAIN_CHECKPOINT_LOCK_H
#define TRAIN_CHECKPOINT_LOCK_H

#include <stdbool.h>

#include "autograd/base/error.h"

enum { LOCK_TEXT_MAX = 320 };

typedef struct Lock {
    int file;                   /* -1: not ours */
    bool missing;               /* the file system has no locks: nobody is kept away */
    char before[LOCK_TEXT_MAX]; /* who has it, or had it and did not shut down cleanly */
} Lock;

/* Takes the lock of the file at path, which is made if its folder is there; it stays, empty, when the lock
 * is dropped. OK, and file is -1, if another process has it. E_IO. */
Status lock_take(Lock *l, const char *path);
void lock_drop(Lock *l);

/* Who holds it, as "PID HOST"; "" if nobody does. Escaped, for people. Returns out. */
char *lock_holder(const char *path, char out[LOCK_TEXT_MAX]);

/* Whether "PID HOST" is of this host. */
bool lock_is_here(const char *who);

#endif

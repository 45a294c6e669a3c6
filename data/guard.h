/* A child process for reading files from untrusted sources.
 *
 * A digest shows that a file is unchanged, not who wrote it: anybody can compute one. And HDF5 1.10
 * is known to crash on crafted files, or to be misled by them. So this process never gives a file
 * to HDF5. A child reads the structure and lists the contents in memory shared with this process
 * (data/h5_walk.c). This process checks every entry of the list against the file's size before
 * using it (data/h5_read.c), and reads arrays directly from the mapped file. Damage by HDF5 ends
 * with the child. Reading again in this process after a trial in a child would be less safe: it
 * would depend on what the trial covered and on the file not changing in between.
 *
 * The child has GUARD_MEMORY bytes more than at its start, a few seconds, no file descriptor (the
 * parent's are closed), no core dump, and no system calls but those for anonymous memory and its
 * end: others fail with EPERM (seccomp; not under sanitizers). If the kernel refuses that filter,
 * the file is not read, unless CAPSTAN_UNGUARDED=1 is in the environment. It is forked, not started
 * anew: a library has no executable to start, and the file is already mapped. Forking beside
 * threads of OpenMP is safe as long as the child enters no parallel region; it only calls HDF5. */
#ifndef DATA_GUARD_H
#define DATA_GUARD_H

#include <stdint.h>

#include "autograd/base/error.h"

enum { GUARD_MEMORY = 256 << 20 };

/* size bytes of zeros that a child of this process shares with it: NULL, E_NOMEM. */
Status guard_share(void **shared, int64_t size);
void guard_unshare(void *shared, int64_t size);

/* Runs work(context) in the child. What it writes is lost, except to memory from guard_share(),
 * which may hold anything afterwards. seconds: of processor time. name: the file, escaped, for
 * messages. Returns code if the child crashed or took too long; E_NOMEM if it could not be started;
 * E_FAILED if the kernel refuses to lock it in. */
Status guard_run(const char *name, Status code, int64_t seconds, void (*work)(void *context),
                 void *context);

#endif

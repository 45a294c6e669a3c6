/* A child process for what may go wrong: reading a file from an untrusted source.
 *
 * A digest says that a file is as it was written, and nothing of who wrote it with what in mind:
 * anybody can compute one. And HDF5 1.10 is known to crash on, or be led astray by, files made
 * for it. So no file is ever given to HDF5 in this process. A child, which shares one piece of
 * memory with it, reads the structure and notes there what it found (data/h5_walk.c); this
 * process then holds every note against the file's size before it believes it (data/h5_read.c),
 * and reads arrays where they lie. What HDF5 does to the child ends with the child. That is
 * simpler than rehearsing in a child and reading again here, and this process depends neither on
 * what the rehearsal covered nor on the file staying the same in between.
 *
 * The child has GUARD_MEMORY bytes more than it came with, a few seconds, no file descriptor
 * (the parent's are closed), no core dump, and no system calls but those for anonymous memory
 * and its end: others fail with EPERM (seccomp; not under sanitizers). If the kernel refuses
 * that filter, the file is not read, unless CAPSTAN_UNGUARDED=1 is in the environment. It is
 * forked, not started anew: a library has no program of its own to start, and the file is mapped
 * already. Forking beside threads of OpenMP is safe as long as the child enters no parallel
 * region; it only calls HDF5. */
#ifndef DATA_GUARD_H
#define DATA_GUARD_H

#include <stdint.h>

#include "autograd/base/error.h"

enum { GUARD_MEMORY = 256 << 20 };

/* size bytes of zeros that a child of this process shares with it: NULL, E_NOMEM. */
Status guard_share(void **shared, int64_t size);
void guard_unshare(void *shared, int64_t size);

/* Runs work(context) in the child. What it writes is lost, except to memory from guard_share(),
 * which may hold anything afterwards. seconds: of processor time. name: the file, for messages,
 * escaped. code: the child crashed or took too long. E_NOMEM: there can be no child. E_FAILED:
 * the kernel refuses to lock it in. */
Status guard_run(const char *name, Status code, int64_t seconds, void (*work)(void *context),
                 void *context);

#endif

/* The environment that OpenBLAS and OpenMP read when they are loaded, before main(). */
#ifndef TRAIN_SUPPORT_RUNTIME_H
#define TRAIN_SUPPORT_RUNTIME_H

#include "autograd/base/error.h"

/* Executes this program again, once, if the environment does not yet say that
 *
 * - OpenBLAS starts no threads of its own (OPENBLAS_NUM_THREADS=1): Capstan never uses them, but each takes 128 MiB
 *   of address space, and where that is not there tries for ever;
 * - a thread of OpenMP that waits gives its core up after a short spin (GOMP_SPINCOUNT), unless the user has said
 *   how threads wait (OMP_WAIT_POLICY, GOMP_SPINCOUNT).
 *
 * The process keeps its number, arguments and files. Does nothing if the program cannot be executed. */
void runtime_prepare(char *argv[]);

/* E_FAILED: the stack of this process (ulimit -s) or of its threads (OMP_STACKSIZE) is limited to less than 1 MiB: a
 * function that went beyond it would crash. */
Status runtime_check_stack(void);

#endif

/* Ctrl-C for commands that only have to stop: a flag that they look at between two pieces of work. */
#ifndef TRAIN_INTERRUPT_H
#define TRAIN_INTERRUPT_H

#include <signal.h>

/* From now on SIGINT and SIGTERM set the flag returned, and make reading from a terminal fail; a second
 * one ends the program. */
const volatile sig_atomic_t *interrupt_watch(void);

#endif

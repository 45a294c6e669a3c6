/* Signals that ask a command to stop: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (the terminal closes).
 * They set a flag, which commands check between units of work. A signal that was ignored at the
 * start, as under nohup, stays ignored. */
#ifndef TRAIN_SUPPORT_INTERRUPT_H
#define TRAIN_SUPPORT_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* Starts watching. The returned flag becomes the number of the first signal. notice: printed then
 * if stderr is a terminal; NULL: nothing. restart: system calls continue; otherwise reading from a
 * terminal fails.
 *
 * A further signal ends the program at once, with exit code 130: Ctrl-C again, or a SIGINT or
 * SIGTERM at least a second after the first. One request to stop often arrives twice (timeout
 * signals the process and its group; a shell passes on a SIGHUP that its jobs already got) and
 * must not cost the save. */
const volatile sig_atomic_t *interrupt_watch(const char *notice, bool restart);

#endif

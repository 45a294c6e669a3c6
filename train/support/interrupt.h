/* Signals that ask a command to stop: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (its terminal closes). They set a
 * flag, which is looked at between two pieces of work. What was ignored from the start stays ignored, as
 * under nohup. */
#ifndef TRAIN_SUPPORT_INTERRUPT_H
#define TRAIN_SUPPORT_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* From now on they set the flag returned to the number of the first of them. notice: what a terminal on stderr is
 * then told; NULL: nothing. restart: calls of the system go on; else reading from a terminal fails.
 *
 * A further one ends the program at once, with exit code 130: Ctrl-C again, or a SIGINT or SIGTERM that
 * comes a second or more after the first. One wish to stop often arrives twice (timeout tells the
 * process and its group, a shell passes on the SIGHUP that its jobs have had) and must not cost the save. */
const volatile sig_atomic_t *interrupt_watch(const char *notice, bool restart);

#endif

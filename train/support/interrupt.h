/* Signals that ask a command to stop: SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal closes) and
 * SIGXCPU (the limit of processor time); and SIGUSR1, which asks a training run to save a checkpoint
 * and continue. They set flags, which commands check between units of work. A signal to stop that
 * was ignored at the start, as under nohup, stays ignored. */
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
 * signals the process and its group; a shell passes on a SIGHUP that its jobs already got; the
 * kernel repeats SIGXCPU each second) and must not cost the save. */
const volatile sig_atomic_t *interrupt_watch(const char *notice, bool restart);

/* Starts watching for SIGUSR1, which would end the program otherwise; main() does so for all
 * commands. Requests that were held are delivered. The returned flag becomes 1; who serves the
 * request sets it to 0. */
volatile sig_atomic_t *save_requests_watch(void);

/* Holds SIGUSR1 back until the program that this process executes next watches for it. */
void save_requests_hold(void);

#endif

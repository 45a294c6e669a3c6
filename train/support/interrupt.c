#include "train/support/interrupt.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static struct timespec first;
static const char *notice_text;

static bool is_late(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - first.tv_sec > (now.tv_nsec < first.tv_nsec);
}

static void note(int number, siginfo_t *info, void *context)
{
    const int before = errno;
    (void)context;
    if (interrupted) {
        const bool typed = number == SIGINT && info->si_code == SI_KERNEL;
        if (typed || (number != SIGHUP && is_late())) _exit(130);
    } else {
        clock_gettime(CLOCK_MONOTONIC, &first);
        interrupted = number;
        if (notice_text && isatty(STDERR_FILENO)) {
            const ssize_t told = write(STDERR_FILENO, notice_text, strlen(notice_text));
            (void)told; /* there is nobody to tell it to */
        }
    }
    errno = before;
}

const volatile sig_atomic_t *interrupt_watch(const char *notice, bool restart)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_sigaction = note,
                               .sa_flags = SA_SIGINFO | (restart ? SA_RESTART : 0)};
    interrupted = 0;
    notice_text = notice;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&action.sa_mask, numbers[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler == SIG_IGN) continue;
        sigaction(numbers[i], &action, NULL);
    }
    return &interrupted;
}

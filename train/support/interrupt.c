#include "train/support/interrupt.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted, save_requested;
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
        if (typed || (number != SIGHUP && number != SIGXCPU && is_late())) _exit(130);
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
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};
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

static void note_request(int number)
{
    (void)number;
    save_requested = 1;
}

static void mask_requests(int how)
{
    sigset_t requests;
    sigemptyset(&requests);
    sigaddset(&requests, SIGUSR1);
    sigprocmask(how, &requests, NULL);
}

volatile sig_atomic_t *save_requests_watch(void)
{
    struct sigaction action = {.sa_handler = note_request, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    mask_requests(SIG_UNBLOCK);
    return &save_requested;
}

void save_requests_hold(void)
{
    mask_requests(SIG_BLOCK);
}

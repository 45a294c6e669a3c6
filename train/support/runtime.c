#include "train/support/runtime.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "train/support/interrupt.h"

/* Some 10 to 50 microseconds: what waking a thread costs. It is also what libgomp takes by itself where there are
 * more threads than cores; otherwise it would spin 300,000 times. */
#define SPINS "1000"

void runtime_prepare(char *argv[])
{
    const char *own = getenv("OPENBLAS_NUM_THREADS");
    const bool alone = own && !strcmp(own, "1"),
               waits = getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT");
    if (alone && waits) return;
    if (setenv("OPENBLAS_NUM_THREADS", "1", 1)) return;
    if (!waits && (setenv("GOMP_SPINCOUNT", SPINS, 1) || setenv("OMP_WAIT_POLICY", "passive", 1)))
        return;
    save_requests_hold();
    execv("/proc/self/exe", argv);
}

static const long long STACK_KIB = 1024;

/* KiB, of a number with an optional B, K, M or G behind it, as OpenMP has it; -1: no such text. */
static long long stack_size(const char *text)
{
    char *unit;
    const long long number = strtoll(text, &unit, 10);
    if (unit == text || number < 0) return -1;
    unit += strspn(unit, " \t");
    switch (*unit) {
    case 'b':
    case 'B': return number / 1024;
    case 'm':
    case 'M': return number > 1 << 20 ? STACK_KIB : number * 1024;
    case 'g':
    case 'G': return number ? STACK_KIB : 0;
    default: return number;
    }
}

Status runtime_check_stack(void)
{
    static const char *const names[] = {"OMP_STACKSIZE", "GOMP_STACKSIZE"};
    struct rlimit most;
    if (!getrlimit(RLIMIT_STACK, &most) && most.rlim_cur != RLIM_INFINITY &&
        most.rlim_cur / 1024 < (rlim_t)STACK_KIB)
        return FAIL(E_FAILED,
                    "the stack is limited to %lld KiB, and %lld are needed: raise the limit, as "
                    "with ulimit -s 8192",
                    (long long)(most.rlim_cur / 1024), STACK_KIB);
    for (int i = 0; i < 2; i++) {
        const char *text = getenv(names[i]);
        const long long size = text ? stack_size(text) : -1;
        if (size >= 0 && size < STACK_KIB)
            return FAIL(E_FAILED,
                        "%s gives each thread a stack of %lld KiB, and %lld are needed: unset it",
                        names[i], size, STACK_KIB);
    }
    return OK;
}

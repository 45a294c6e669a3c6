#include "train/support/runtime.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    execv("/proc/self/exe", argv);
}

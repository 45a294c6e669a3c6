#include "autograd/base/threads.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>

static int chosen; /* 0: threads_set() has not run yet */

int threads_cores(void)
{
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : omp_get_num_procs();
    return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : cores;
}

/* The first number of OMP_NUM_THREADS ("4", "4,2"); 0: it is not set, or not a number. OpenMP's own reading of it
 * would not do: OpenBLAS changes that. */
static long environment_threads(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    char *end;
    const long count = text ? strtol(text, &end, 10) : 0;
    return count > 0 && (!*end || *end == ',') ? count : 0;
}

int threads_default(void)
{
    const long count = environment_threads();
    return count <= 0 ? threads_cores() : count > THREADS_MAX ? THREADS_MAX : (int)count;
}

void threads_set(int count)
{
    chosen = count <= 0 ? threads_default() : count > THREADS_MAX ? THREADS_MAX : count;
}

int threads_count(void)
{
    if (!chosen) threads_set(0);
    return chosen;
}

int threads_team(void)
{
    return omp_in_parallel() ? 1 : threads_count();
}

void threads_range(int64_t count, int64_t block, RangeWork work, const void *context)
{
    const int64_t blocks = (count + block - 1) / block;
    int team = threads_team();
    if (team > blocks) team = (int)blocks;
    if (team <= 1) {
        for (int64_t i = 0; i < blocks; i++)
            work(context, i * block, (i + 1) * block < count ? (i + 1) * block : count, 0);
        return;
    }
/* Names the number of threads: openblas_set_num_threads(1) changes OpenMP's default if OpenBLAS was
 * built with OpenMP. */
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
    for (int64_t i = 0; i < blocks; i++)
        work(context, i * block, (i + 1) * block < count ? (i + 1) * block : count,
             omp_get_thread_num());
}

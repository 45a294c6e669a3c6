#include "train/bench/machine.h"

#include <omp.h>
#include <stdbool.h>
#include <unistd.h>

#include "autograd/base/arena.h"
#include "autograd/kernels/vector.h"
#include "train/plan/plan.h"
#include "train/support/clock.h"

enum { TRIES = 5, TURNS = 1 << 23, TURN_NUMBERS = 1 << 24 };

/* `count` independent chains of multiply-adds, in registers of `bytes`. */
#define CHAINS(name, attributes, bytes, count)                                                \
    attributes static double name(int64_t turns, real x, real y)                              \
    {                                                                                         \
        typedef real Vector __attribute__((vector_size(bytes)));                              \
        Vector sum[count];                                                                    \
        for (int i = 0; i < count; i++) sum[i] = (Vector){0} + (real)i;                       \
        for (int64_t turn = 0; turn < turns; turn++) {                                        \
            _Pragma("GCC unroll 32") for (int i = 0; i < count; i++) sum[i] = sum[i] * x + y; \
        }                                                                                     \
        for (int i = 1; i < count; i++) sum[0] += sum[i];                                     \
        sink = sum[0][0];                                                                     \
        return 2.0 * (double)turns * count * (double)(bytes / sizeof(real));                  \
    }

static volatile real sink; /* so that the compiler cannot drop the work */

CHAINS(chains, , 16, 12)
#ifdef __x86_64__
CHAINS(chains_avx2, __attribute__((target("avx2,fma"))), 32, 12)
CHAINS(chains_avx512, __attribute__((target("avx512f"))), 64, 24)
#endif

static double run_chains(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return chains_avx512(TURNS, (real)0.5, 1);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return chains_avx2(TURNS, (real)0.5, 1);
#endif
    return chains(TURNS, (real)0.5, 1);
}

double machine_fma(int threads)
{
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        double flops = 0;
        const double begin = clock_seconds();
#pragma omp parallel num_threads(threads) reduction(+ : flops)
        flops += run_chains();
        const double rate = flops / (clock_seconds() - begin);
        if (rate > best) best = rate;
    }
    return best;
}

VECTOR static void triad(real *a, const real *b, const real *c, int64_t count)
{
    for (int64_t i = 0; i < count; i++) a[i] = b[i] + (real)3 * c[i];
}

VECTOR static void update(real *a, const real *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++) a[i] += (real)3 * b[i];
}

/* Numbers in each array: more than any cache holds, if the machine has the memory. */
static int64_t array_length(void)
{
    int64_t size = (int64_t)sysconf(_SC_LEVEL3_CACHE_SIZE), most = plan_memory() / 16;
    if (size < 64 << 20) size = 64 << 20;
    return (size < most ? size : most) / (int64_t)sizeof(real) / 1024 * 1024;
}

static Status stream(int threads, int64_t size, bool in_place, double *rate)
{
    Arena arena = {0};
    const int64_t all = array_length(),
                  some = threads * (size / 3 / (int64_t)sizeof(real) / 16 * 16 + 16),
                  count = size && some < all ? some : all;
    const int64_t turns = 1 + TURN_NUMBERS / count;
    real *a = arena_take(&arena, 3 * count * (int64_t)sizeof *a), *b = a + count, *c = b + count;
    if (!a) return FAIL(E_NOMEM, "three arrays of %lld numbers", (long long)count);
    *rate = 0;
    for (int i = -1; i < TRIES; i++) {
        const double begin = clock_seconds();
#pragma omp parallel num_threads(threads)
        {
            const int64_t id = omp_get_thread_num(), team = omp_get_num_threads();
            const int64_t from = count * id / team, to = count * (id + 1) / team;
            for (int64_t j = from; j < to && i < 0; j++) b[j] = c[j] = 1;
            for (int64_t j = 0; j < turns; j++)
                if (in_place)
                    update(a + from, b + from, to - from);
                else
                    triad(a + from, b + from, c + from, to - from);
        }
        const double now = 3 * (double)(turns * count) * sizeof *a / (clock_seconds() - begin);
        if (i >= 0 && now > *rate) *rate = now;
    }
    arena_free(&arena);
    return OK;
}

Status machine_triad(int threads, int64_t size, double *rate)
{
    return stream(threads, size, false, rate);
}

Status machine_update(int threads, int64_t size, double *rate)
{
    return stream(threads, size, true, rate);
}

VECTOR static real sum_of(const real *x, int64_t count)
{
    return vector_sum(x, count);
}

Status machine_read(int threads, int64_t size, double *rate)
{
    Arena arena = {0};
    const int64_t count = size / (int64_t)sizeof(real) + threads, turns = 1 + TURN_NUMBERS / count;
    real *a = arena_take(&arena, count * (int64_t)sizeof *a), sum = 0;
    if (!a) return FAIL(E_NOMEM, "an array of %lld numbers", (long long)count);
    *rate = 0;
    for (int i = -1; i < TRIES; i++) {
        const double begin = clock_seconds();
#pragma omp parallel num_threads(threads) reduction(+ : sum)
        {
            const int64_t id = omp_get_thread_num(), team = omp_get_num_threads();
            const int64_t from = count * id / team, to = count * (id + 1) / team;
            for (int64_t j = from; j < to && i < 0; j++) a[j] = 1;
            for (int64_t j = 0; j < turns; j++) sum += sum_of(a + from, to - from);
        }
        const double now = (double)(turns * count) * sizeof *a / (clock_seconds() - begin);
        if (i >= 0 && now > *rate) *rate = now;
    }
    sink = sum;
    arena_free(&arena);
    return OK;
}

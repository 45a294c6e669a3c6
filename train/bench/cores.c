#include "train/bench/cores.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "autograd/base/arena.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/gemm.h"
#include "data/process.h"
#include "train/plan/probe.h"
#include "train/support/clock.h"
#include "train/support/quantile.h"

enum { SIDE = 1024, TRIES = 9 };

Status cores_rate(double *rate)
{
    Arena arena = {0};
    const int64_t count = (int64_t)SIDE * SIDE;
    double times[TRIES];
    TRY(gemm_reserve(threads_count()));
    real *a = arena_zero(&arena, 3 * count * (int64_t)sizeof *a);
    if (!a) return FAIL(E_NOMEM, "three matrices of %d x %d", SIDE, SIDE);
    for (int i = -1; i < TRIES; i++) {
        const double begin = clock_seconds();
        gemm(GEMM_NN, SIDE, SIDE, SIDE, a, SIDE, a + count, SIDE, a + 2 * count, SIDE, false);
        if (i >= 0) times[i] = clock_seconds() - begin;
    }
    arena_free(&arena);
    *rate = 2.0 * SIDE * SIDE * SIDE / median(times, TRIES);
    return OK;
}

/* The longest vectors of a processor or a kernel. */
typedef enum Reach { SSE, AVX, AVX2, AVX512 } Reach;

static Reach processor_reach(void)
{
#ifdef __x86_64__
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return AVX512;
    if (avx2) return AVX2;
    if (__builtin_cpu_supports("avx")) return AVX;
#endif
    return SSE;
}

/* An unknown name is newer than this list: assume the best. So does Zen on AMD, where a vector of
 * 512 bits takes as long as two of 256. */
static Reach kernel_reach(const char *name)
{
    static const struct {
        const char *name;
        Reach reach;
    } known[] = {{"Katmai", SSE},       {"Coppermine", SSE},  {"Northwood", SSE},
                 {"Prescott", SSE},     {"Banias", SSE},      {"Atom", SSE},
                 {"Core2", SSE},        {"Penryn", SSE},      {"Dunnington", SSE},
                 {"Nehalem", SSE},      {"Athlon", SSE},      {"Opteron", SSE},
                 {"Opteron_SSE3", SSE}, {"Barcelona", SSE},   {"Nano", SSE},
                 {"Bobcat", SSE},       {"Sandybridge", AVX}, {"Bulldozer", AVX},
                 {"Piledriver", AVX},   {"Steamroller", AVX}, {"Haswell", AVX2},
                 {"Zen", AVX2}};
#ifdef __x86_64__
    if (!strcasecmp(name, "Zen") && __builtin_cpu_is("amd")) return AVX512;
#endif
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcasecmp(name, known[i].name)) return known[i].reach;
    return AVX512;
}

const char *cores_warning(void)
{
    static const char *const best[] = {"", "Sandybridge", "Haswell", "SkylakeX"};
    static _Thread_local char text[256];
    const Reach reach = processor_reach();
    const char *set = getenv("OPENBLAS_CORETYPE");
    if (kernel_reach(gemm_core()) >= reach) return NULL;
    if (set && *set)
        snprintf(text, sizeof text,
                 "OPENBLAS_CORETYPE=%.32s makes OpenBLAS slow on this processor: unset it, or set "
                 "it to %s",
                 set, best[reach]);
    else
        snprintf(text, sizeof text,
                 "OpenBLAS has chosen kernels (%.32s) that are slow on this processor: try "
                 "OPENBLAS_CORETYPE=%s, and see `capstan bench`",
                 gemm_core(), best[reach]);
    return text;
}

static int candidates(const char *names[CORES_MAX])
{
    const Reach reach = processor_reach();
    int count = 0;
    if (reach >= AVX512) names[count++] = "SkylakeX";
    if (reach >= AVX2) names[count++] = "Haswell";
    if (reach >= AVX2) names[count++] = "Zen";
    return count;
}

/* The rate with other kernels; 0 if they cannot be tried. output: a scratch file. */
static double try_core(const char *name, const char *output)
{
    char program[PATH_MAX], variable[64], threads[16], core[64] = "";
    double rate = 0;
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) return 0;
    program[length] = '\0';
    snprintf(variable, sizeof variable, "OPENBLAS_CORETYPE=%s", name);
    snprintf(threads, sizeof threads, "%d", threads_count());
    const char *const arguments[] = {"env",        variable,    program, "bench",
                                     "--products", "--threads", threads, NULL};
    if (process_run(&(Process){arguments, ".", output, "/dev/null"}) != OK) return 0;
    FILE *file = fopen(output, "r");
    if (!file) return 0;
    if (fscanf(file, "%63s %lf", core, &rate) != 2 || strcasecmp(core, name)) rate = 0;
    fclose(file);
    return 1e9 * rate;
}

int cores_others(CoreRate others[CORES_MAX])
{
    const char *names[CORES_MAX], *base = getenv("TMPDIR");
    char output[PATH_MAX];
    int count = 0;
    snprintf(output, sizeof output, "%s/capstan-bench-XXXXXX", base ? base : "/tmp");
    const int fd = mkstemp(output);
    if (fd < 0) return 0;
    for (int i = 0, all = candidates(names); i < all; i++) {
        const double rate = strcasecmp(names[i], gemm_core()) ? try_core(names[i], output) : 0;
        if (rate > 0) others[count++] = (CoreRate){names[i], rate};
    }
    close(fd);
    unlink(output);
    return count;
}

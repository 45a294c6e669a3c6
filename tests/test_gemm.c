/* Products against loops in double; that threads change no bit of them; that BLAS being set to one
 * thread does not make our own regions serial. */
#include <criterion/criterion.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/gemm.h"

typedef struct Sizes {
    int64_t m, n, k;
} Sizes;

static const Sizes sizes[] = {{1, 1, 1},       {7, 5, 3},       {64, 33, 17}, {1100, 9, 5},
                              {60, 2537, 671}, {513, 700, 300}, {1, 1300, 4}, {0, 3, 2},
                              {3, 0, 2},       {5, 600, 0}};

static real *draw(int64_t count, const char *stream)
{
    real *x = malloc((size_t)(count + 1) * sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (real)rng_normal(rng_stream(1, stream), (uint64_t)i, 0);
    return x;
}

/* One product of each kind, with rows further apart than they are long, against loops. */
static double worst(GemmOp op, Sizes s, bool add)
{
    const int64_t lda = (op == GEMM_TN ? s.m : s.k) + 3, ldb = (op == GEMM_NT ? s.k : s.n) + 2,
                  ldc = s.n + 1;
    real *a = draw((op == GEMM_TN ? s.k : s.m) * lda, "a"),
         *b = draw((op == GEMM_NT ? s.n : s.k) * ldb, "b"), *c = draw(s.m * ldc, "c"),
         *before = draw(s.m * ldc, "c");
    double off = 0;
    gemm(op, s.m, s.n, s.k, a, lda, b, ldb, c, ldc, add);
    for (int64_t i = 0; i < s.m; i++)
        for (int64_t j = 0; j < ldc; j++) {
            double sum = add || j >= s.n ? before[i * ldc + j] : 0;
            for (int64_t p = 0; j < s.n && p < s.k; p++)
                sum += (double)(op == GEMM_TN ? a[p * lda + i] : a[i * lda + p]) *
                       (op == GEMM_NT ? b[j * ldb + p] : b[p * ldb + j]);
            off = fmax(off, fabs(sum - c[i * ldc + j]));
        }
    free(a);
    free(b);
    free(c);
    free(before);
    return off;
}

Test(gemm, agrees_with_loops)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int op = GEMM_NN; op <= GEMM_TN; op++)
            for (int add = 0; add < 2; add++)
                cr_expect_lt(worst((GemmOp)op, sizes[i], add), 2e-4, "sizes %zu, kind %d, add %d",
                             i, op, add);
}

Test(gemm, bits_do_not_depend_on_threads)
{
    enum { M = 4500, N = 170, K = 190 }; /* several blocks */
    real *a = draw(M * K, "a"), *b = draw(N * K, "b"), *c = draw(M * N, "c"), *d = draw(M * N, "d");
    threads_set(1);
    gemm(GEMM_NT, M, N, K, a, K, b, K, c, N, false);
    for (int threads = 2; threads <= 4; threads++) {
        threads_set(threads);
        gemm(GEMM_NT, M, N, K, a, K, b, K, d, N, false);
        cr_expect_eq(memcmp(c, d, M * N * sizeof *c), 0, "%d threads", threads);
    }
    free(a);
    free(b);
    free(c);
    free(d);
}

static void note_team(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)end;
    (void)worker;
    ((int *const *)context)[0][begin] = omp_get_num_threads();
}

Test(gemm, leaves_our_own_threads_alone)
{
    real x[4] = {1, 2, 3, 4}, y[4];
    int team[8] = {0}, *const context[] = {team};
    threads_set(3);
    gemm(GEMM_NN, 2, 2, 2, x, 2, x, 2, y, 2, false);
    threads_range(8, 1, note_team, context);
    for (int i = 0; i < 8; i++) cr_expect_eq(team[i], 3);
    cr_expect_neq(gemm_core(), NULL);
}

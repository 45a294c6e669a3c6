#include "autograd/kernels/gemm.h"

#include <cblas.h>
#include <sys/mman.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/gemm_blocks.h"

/* BLAS must not start threads of its own. An OpenBLAS built with OpenMP keeps this number per
 * thread and also makes it OpenMP's default there, so every parallel region in this program names
 * its number of threads. */
static void use_one_thread(void)
{
    static _Thread_local bool done;
    if (done) return;
#pragma omp critical(gemm_use_one_thread)
    openblas_set_num_threads(1);
    done = true;
}

typedef struct Product {
    GemmOp op;
    int64_t m, n, k, lda, ldb, ldc;
    const real *a, *b;
    real *c;
    bool add, by_rows; /* by_rows: blocks are rows of c, else columns */
} Product;

static void multiply(const Product *p, int64_t begin, int64_t end)
{
    const int64_t i = p->by_rows ? begin : 0, j = p->by_rows ? 0 : begin;
    const int64_t m = p->by_rows ? end - begin : p->m, n = p->by_rows ? p->n : end - begin;
    const real *a = p->a + (p->op == GEMM_TN ? i : i * p->lda);
    const real *b = p->b + (p->op == GEMM_NT ? j * p->ldb : j);
    real *c = p->c + i * p->ldc + j;
    const enum CBLAS_TRANSPOSE ta = p->op == GEMM_TN ? CblasTrans : CblasNoTrans,
                               tb = p->op == GEMM_NT ? CblasTrans : CblasNoTrans;

#ifdef CAPSTAN_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)p->k, 1, a, (blasint)p->lda, b,
        (blasint)p->ldb, p->add, c, (blasint)p->ldc);
}

static void block(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    use_one_thread();
    if (openblas_get_parallel() != OPENBLAS_SEQUENTIAL) {
        multiply(context, begin, end);
        return;
    }
/* A serial OpenBLAS has no locks: two calls at the same time would share a buffer. */
#pragma omp critical(gemm_serial)
    multiply(context, begin, end);
}

void gemm(GemmOp op, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b,
          int64_t ldb, real *c, int64_t ldc, bool add)
{
    if (m == 0 || n == 0) return;
    if (k == 0) {
        for (int64_t i = 0; i < m && !add; i++)
            for (int64_t j = 0; j < n; j++) c[i * ldc + j] = 0;
        return;
    }
    const Product p = {op, m, n, k, lda, ldb, ldc, a, b, c, add, m >= n};
    const int64_t longer = m >= n ? m : n, shorter = m >= n ? n : m;
    threads_range(longer, gemm_block_length(longer, shorter, k), block, &p);
}

/* OpenBLAS's own functions, which its headers do not declare. It keeps what was taken once, and gives it to
 * products. NULL: another BLAS, or a later version without them. */
extern void *blas_memory_alloc(int purpose) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

enum { BUFFER_MIB = 128, MARGIN_MIB = 1, BUFFERS_MAX = 64 };

static bool can_map(int64_t mib)
{
    const size_t size = (size_t)mib << 20;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && munmap(p, size) == 0;
}

static void take_buffers(int count)
{
    void *buffers[BUFFERS_MAX];
    if (!blas_memory_alloc || !blas_memory_free) return;
    for (int i = 0; i < count; i++) buffers[i] = blas_memory_alloc(0);
    for (int i = count; i > 0; i--) blas_memory_free(buffers[i - 1]);
}

Status gemm_reserve(int threads)
{
    static int reserved;
    const int count = threads < BUFFERS_MAX ? threads : BUFFERS_MAX;
    if (count <= reserved) return OK;
    const int64_t mib = (int64_t)(count - reserved) * (BUFFER_MIB + MARGIN_MIB);
    if (!can_map(mib))
        return FAIL(E_NOMEM,
                    "matrix products on %d threads need %lld MiB of address space; take fewer "
                    "threads, or raise the limit (ulimit -v)",
                    threads, (long long)mib);
    take_buffers(count);
    reserved = count;
    return OK;
}

const char *gemm_core(void)
{
    return openblas_get_corename();
}

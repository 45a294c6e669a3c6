#include <stdio.h>

#include "autograd/base/error.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/gemm_blocks.h"
#include "autograd/kernels/gemm_onednn.h"

const char *gemm_bf16_missing(void)
{
    return gemm_onednn_missing();
}

static bool is_missing(void)
{
    return sizeof(real) != sizeof(float) || gemm_bf16_missing();
}

Status gemm_bf16_reserve(int threads)
{
    return is_missing() ? OK : gemm_onednn_reserve(threads);
}

const char *gemm_bf16_core(void)
{
    static char text[64];
    if (!is_missing()) return gemm_onednn_core();
    snprintf(text, sizeof text, "float32 (%s)", gemm_core());
    return text;
}

/* Tiles of the fallback in float, on the stack. */
enum { TILE_M = 64, TILE_N = 128, TILE_K = 256 };

static void from_bf16_rows(real *to, const bf16 *from, int64_t rows, int64_t width, int64_t step)
{
    for (int64_t r = 0; r < rows; r++) from_bf16(to + r * width, from + r * step, width);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Tile c [m, n] of the product that begins at row i and column j. */
static void multiply_floats(const GemmBf16 *p, int64_t i, int64_t j, int64_t m, int64_t n)
{
    real a[TILE_M * TILE_K], b[TILE_K * TILE_N], sum[TILE_M * TILE_N];
    for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < n; c++) sum[r * n + c] = p->bias ? p->bias[j + c] : 0;
    for (int64_t l = 0; l < p->k; l += TILE_K) {
        const int64_t k = least(TILE_K, p->k - l);
        if (p->op == GEMM_TN)
            from_bf16_rows(a, p->a + l * p->m + i, k, m, p->m);
        else
            from_bf16_rows(a, p->a + i * p->k + l, m, k, p->k);
        if (p->op == GEMM_NT)
            from_bf16_rows(b, p->b + j * p->k + l, n, k, p->k);
        else
            from_bf16_rows(b, p->b + l * p->n + j, k, n, p->n);
        gemm(p->op, m, n, k, a, p->op == GEMM_TN ? m : k, b, p->op == GEMM_NT ? k : n, sum, n,
             true);
    }
    for (int64_t r = 0; r < m; r++) {
        const int64_t at = (i + r) * p->n + j;
        if (p->c_bf16)
            to_bf16(p->c_bf16 + at, sum + r * n, n);
        else
            for (int64_t c = 0; c < n; c++)
                p->c[at + c] = sum[r * n + c] + (p->add ? p->c[at + c] : 0);
    }
}

static void multiply(const GemmBf16 *p)
{
    if (!is_missing()) {
        gemm_onednn(p);
        return;
    }
    for (int64_t i = 0; i < p->m; i += TILE_M)
        for (int64_t j = 0; j < p->n; j += TILE_N)
            multiply_floats(p, i, j, least(TILE_M, p->m - i), least(TILE_N, p->n - j));
}

static void block(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    GemmBf16 p = *(const GemmBf16 *)context;
    INVARIANT(p.op != GEMM_TN || end - begin == p.m);
    p.m = end - begin;
    p.a += begin * p.k;
    if (p.c) p.c += begin * p.n;
    if (p.c_bf16) p.c_bf16 += begin * p.n;
    multiply(&p);
}

/* The product for k = 0: c = bias (+ c if add). */
static void clear(const GemmBf16 *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            const int64_t at = i * p->n + j;
            const real bias = p->bias ? p->bias[j] : 0;
            if (p->c_bf16)
                p->c_bf16[at] = bf16_of(bias);
            else
                p->c[at] = bias + (p->add ? p->c[at] : 0);
        }
}

void gemm_bf16(const GemmBf16 *p)
{
    if (!p->m || !p->n) return;
    if (!p->k)
        clear(p);
    else
        threads_range(p->m, p->op == GEMM_TN ? p->m : gemm_block_length(p->m, p->n, p->k), block,
                      p);
}

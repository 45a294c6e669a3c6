#include <stdio.h>

#include "autograd/base/error.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/gemm_blocks.h"
#include "autograd/kernels/gemm_onednn.h"

const char *gemm_low_missing(void)
{
    return gemm_onednn_missing();
}

static bool is_missing(void)
{
    return sizeof(real) != sizeof(float) || gemm_low_missing();
}

const char *gemm_low_core(void)
{
    static char text[64];
    if (!is_missing()) return gemm_onednn_core();
    snprintf(text, sizeof text, "float32 (%s)", gemm_core());
    return text;
}

/* Tiles of the slow way, on the stack. */
enum { TILE_M = 64, TILE_N = 128, TILE_K = 256 };

static void widen(real *to, const bf16 *from, int64_t rows, int64_t width, int64_t step)
{
    for (int64_t r = 0; r < rows; r++) bf16_widen(to + r * width, from + r * step, width);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Tile c [m, n] of the product that begins at row i and column j. */
static void widen_multiply(const GemmLow *p, int64_t i, int64_t j, int64_t m, int64_t n)
{
    real a[TILE_M * TILE_K], b[TILE_K * TILE_N], sum[TILE_M * TILE_N];
    for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < n; c++) sum[r * n + c] = p->bias ? p->bias[j + c] : 0;
    for (int64_t l = 0; l < p->k; l += TILE_K) {
        const int64_t k = least(TILE_K, p->k - l);
        if (p->op == GEMM_TN)
            widen(a, p->a + l * p->m + i, k, m, p->m);
        else
            widen(a, p->a + i * p->k + l, m, k, p->k);
        if (p->op == GEMM_NT)
            widen(b, p->b + j * p->k + l, n, k, p->k);
        else
            widen(b, p->b + l * p->n + j, k, n, p->n);
        gemm(p->op, m, n, k, a, p->op == GEMM_TN ? m : k, b, p->op == GEMM_NT ? k : n, sum, n,
             true);
    }
    for (int64_t r = 0; r < m; r++) {
        const int64_t at = (i + r) * p->n + j;
        if (p->low)
            bf16_narrow(p->low + at, sum + r * n, n);
        else
            for (int64_t c = 0; c < n; c++)
                p->c[at + c] = sum[r * n + c] + (p->add ? p->c[at + c] : 0);
    }
}

static void multiply(const GemmLow *p)
{
    if (!is_missing()) {
        gemm_onednn(p);
        return;
    }
    for (int64_t i = 0; i < p->m; i += TILE_M)
        for (int64_t j = 0; j < p->n; j += TILE_N)
            widen_multiply(p, i, j, least(TILE_M, p->m - i), least(TILE_N, p->n - j));
}

static void block(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    GemmLow p = *(const GemmLow *)context;
    INVARIANT(p.op != GEMM_TN || end - begin == p.m);
    p.m = end - begin;
    p.a += begin * p.k;
    if (p.c) p.c += begin * p.n;
    if (p.low) p.low += begin * p.n;
    multiply(&p);
}

/* A sum of nothing. */
static void clear(const GemmLow *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            const int64_t at = i * p->n + j;
            const real bias = p->bias ? p->bias[j] : 0;
            if (p->low)
                p->low[at] = bf16_of(bias);
            else
                p->c[at] = bias + (p->add ? p->c[at] : 0);
        }
}

void gemm_low(const GemmLow *p)
{
    if (!p->m || !p->n) return;
    if (!p->k)
        clear(p);
    else
        threads_range(p->m, p->op == GEMM_TN ? p->m : gemm_block_length(p->m, p->n, p->k), block,
                      p);
}

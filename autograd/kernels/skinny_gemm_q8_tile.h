/* Inside skinny_gemm_tile.h: products by weights in 8 bits (q8.h).
 *
 * A lane is a column of y, so a vector takes the weights of LANES columns at one index of k: widened, multiplied
 * by their scales, which is exact, and by x at that index. SUMS sums by turns, so that additions do not wait for
 * each other. A panel is read once from memory, and again from the cache for the next rows of x. */
#ifndef AUTOGRAD_KERNELS_SKINNY_GEMM_Q8_TILE_H
#define AUTOGRAD_KERNELS_SKINNY_GEMM_Q8_TILE_H

#include <string.h>

enum { SUMS = VECTOR_BYTES == 64 ? 2 : 4, Q8_ROWS = SUMS == 2 ? 2 * ROWS : ROWS };

typedef int32_t Words __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

/* The numbers of one column, byte `byte` of the words. */
INLINE Vec q8_numbers(Words words, int byte)
{
    return __builtin_convertvector((words << (24 - 8 * byte)) >> 24, Vec);
}

/* Moves exponent and fraction of a positive float16 to their places, and corrects the exponent's bias. */
INLINE Vec q8_scales(const uint16_t *scale)
{
    const bool is_double = sizeof(real) == sizeof(double);
    Halves halves;
    memcpy(&halves, scale, sizeof halves);
    const VecBits bits = __builtin_convertvector(halves, VecBits) << (is_double ? 42 : 13);
    return (Vec)bits * (real)(is_double ? 0x1p1008 : 0x1p112);
}

/* Adds `count` columns of a block. */
INLINE void q8_add(const real *x, int64_t k, const int rows, const Q8Block *b, int lane,
                   int64_t count, Vec sum[Q8_ROWS][SUMS])
{
    const Vec scale = q8_scales(b->scale + lane);
#pragma GCC unroll 8
    for (int i = 0; i < Q8_LENGTH; i += 4) {
        Words words;
        memcpy(&words, b->q[i / 4] + lane, sizeof words);
#pragma GCC unroll 4
        for (int byte = 0; byte < 4; byte++) {
            if (i + byte >= count) return;
            const Vec weight = scale * q8_numbers(words, byte);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) sum[r][byte % SUMS] += all(x[r * k + i + byte]) * weight;
        }
    }
}

INLINE void q8_store(const SkinnyGemm *f, int64_t row, int64_t column, Vec sum)
{
    const int64_t left = f->width - column, count = left < LANES ? left : LANES;
    real y[LANES];
    store(y, sum);
    for (int64_t c = 0; c < count; c++) {
        const int64_t at = row * f->width + column + c;
        if (f->b) y[c] += f->b[column + c];
        if (f->residual) y[c] += f->residual[at];
        f->y[at] = y[c];
    }
}

INLINE void q8_tile(const SkinnyGemm *f, const int rows, int64_t row, int64_t panel, int lane)
{
    const int64_t whole = f->k / Q8_LENGTH, rest = f->k % Q8_LENGTH;
    const Q8Block *b = f->w_q8 + panel * (whole + !!rest);
    const real *x = f->x + row * f->k;
    Vec sum[Q8_ROWS][SUMS] = {0};
    for (int64_t i = 0; i < whole; i++, x += Q8_LENGTH, b++)
        q8_add(x, f->k, rows, b, lane, Q8_LENGTH, sum);
    if (rest) q8_add(x, f->k, rows, b, lane, rest, sum);
    for (int r = 0; r < rows; r++) {
        Vec y = sum[r][0] + sum[r][1];
        if (SUMS > 2) y += sum[r][SUMS - 2] + sum[r][SUMS - 1];
        q8_store(f, row + r, panel * Q8_PANEL + lane, y);
    }
}

/* begin: the first column of a panel. */
INLINE void q8_columns(const SkinnyGemm *f, int64_t begin, int64_t end)
{
    for (int64_t c = begin; c < end; c += Q8_PANEL)
        for (int lane = 0; lane < Q8_PANEL && c + lane < f->width; lane += LANES) {
            int64_t row = 0;
            for (; row + Q8_ROWS <= f->rows; row += Q8_ROWS)
                q8_tile(f, Q8_ROWS, row, c / Q8_PANEL, lane);
            for (; row < f->rows; row++) q8_tile(f, 1, row, c / Q8_PANEL, lane);
        }
}

#endif

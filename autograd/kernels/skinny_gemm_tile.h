/* Inside skinny_gemm.h: included once for each instruction set, after VECTOR_BYTES, ROWS (of x, in
 * registers together with COLUMNS of w) and COLUMNS_NAME, the function. */
#ifndef AUTOGRAD_KERNELS_SKINNY_GEMM_TILE_H
#define AUTOGRAD_KERNELS_SKINNY_GEMM_TILE_H

#include "autograd/kernels/skinny_gemm.h"
#include "autograd/kernels/vec.h"

#include "autograd/kernels/skinny_gemm_q8_tile.h"

enum { COLUMNS = 4, PAIRS = 2 * LANES };

#define TWICE(i, odd) 2 * (i) + (odd)
typedef Bits BitsAnywhere
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(bf16)), may_alias));

/* The columns of w that a tile prefetches, among those that come next. */
typedef struct Prefetch {
    int64_t column;
    int first, end; /* counted from there */
} Prefetch;

/* The sums of whole vectors of x and w. Rows and columns are constants in every call, so that sums
 * stay in registers. */
INLINE void float_sums(const SkinnyGemm *f, const int rows, const int columns, const real *x,
                       int64_t column, Prefetch prefetch, Vec sum[ROWS][COLUMNS])
{
    const int64_t k = f->k, whole = k / LANES * LANES;
    const real *w = f->w + column * k, *next = f->w + prefetch.column * k;
    for (int64_t i = 0; i < whole; i += LANES) {
        Vec weight[COLUMNS];
        for (int c = 0; c < columns; c++) weight[c] = load(w + c * k + i);
#pragma GCC unroll 4
        for (int c = prefetch.first; c < prefetch.end; c++)
            __builtin_prefetch(next + c * k + i, 0, 2);
        for (int r = 0; r < rows; r++) {
            const Vec one = load(x + r * k + i);
            for (int c = 0; c < columns; c++) sum[r][c] += one * weight[c];
        }
    }
}

/* The same of w in bfloat16. A vector holds pairs of weights: those at even indices in the low
 * halves, those at odd indices in the high ones. Both are added to one sum, with x arranged to
 * match. */
INLINE void bf16_sums(const SkinnyGemm *f, const int rows, const int columns, const real *x,
                      int64_t column, Prefetch prefetch, Vec sum[ROWS][COLUMNS])
{
#ifdef CAPSTAN_DOUBLE
    (void)f, (void)rows, (void)columns, (void)x, (void)column, (void)prefetch, (void)sum;
#else
    const int64_t k = f->k, whole = k / PAIRS * PAIRS;
    const bf16 *w = f->w_bf16 + column * k, *next = f->w_bf16 + prefetch.column * k;
    for (int64_t i = 0; i < whole; i += PAIRS) {
        Vec even[COLUMNS], odd[COLUMNS];
        for (int c = 0; c < columns; c++) {
            const VecBits pairs = *(const BitsAnywhere *)(w + c * k + i);
            even[c] = (Vec)(pairs << 16);
            odd[c] = (Vec)(pairs & 0xffff0000);
        }
#pragma GCC unroll 4
        for (int c = prefetch.first; c < prefetch.end; c++)
            __builtin_prefetch(next + c * k + i, 0, 2);
        for (int r = 0; r < rows; r++) {
            const Vec a = load(x + r * k + i), b = load(x + r * k + i + LANES);
            const Vec x_even = __builtin_shufflevector(a, b, PICK(TWICE, 0)),
                      x_odd = __builtin_shufflevector(a, b, PICK(TWICE, 1));
            for (int c = 0; c < columns; c++) {
                sum[r][c] += x_even * even[c];
                sum[r][c] += x_odd * odd[c];
            }
        }
    }
#endif
}

/* The sum of what is left; in double, of all products with bfloat16. */
INLINE real rest_sum(const SkinnyGemm *f, const bool is_bf16, const real *x, int64_t column)
{
    const int64_t k = f->k, step = is_bf16 ? PAIRS : LANES;
    int64_t whole = k / step * step;
    real rest = 0;
    if (is_bf16 && sizeof(real) > sizeof(float)) whole = 0;
    if (is_bf16)
        for (int64_t i = whole; i < k; i++) rest += x[i] * bf16_real(f->w_bf16[column * k + i]);
    else
        for (int64_t i = whole; i < k; i++) rest += x[i] * f->w[column * k + i];
    return rest;
}

INLINE void one_tile(const SkinnyGemm *f, const bool is_bf16, const int rows, const int columns,
                     int64_t row, int64_t column, Prefetch prefetch)
{
    const real *x = f->x + row * f->k;
    Vec sum[ROWS][COLUMNS] = {0};
    if (is_bf16)
        bf16_sums(f, rows, columns, x, column, prefetch, sum);
    else
        float_sums(f, rows, columns, x, column, prefetch, sum);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int c = 0; c < columns; c++) {
            const int64_t at = (row + r) * f->width + column + c;
            real y = total(sum[r][c]) + rest_sum(f, is_bf16, x + r * f->k, column + c);
            if (f->b) y += f->b[column + c];
            if (f->residual) y += f->residual[at];
            f->y[at] = y;
        }
}

/* The tiles of rows share the prefetch of the next columns, which all at once would exceed memory
 * bandwidth. Columns in bfloat16 are done sooner, so the prefetch is one further ahead. At the end
 * the current columns stand in for the next. */
INLINE void all_rows(const SkinnyGemm *f, const bool is_bf16, const int columns, int64_t column)
{
    const int64_t away = is_bf16 ? 2 * columns : columns,
                  next = column + away + columns > f->width ? column : column + away;
    if (f->rows == 1) {
        one_tile(f, is_bf16, 1, columns, 0, column, (Prefetch){next, 0, columns});
        return;
    }
    const int64_t tiles = (f->rows + ROWS - 1) / ROWS;
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; tile++, row += ROWS) {
        const Prefetch part = {next, (int)(tile * columns / tiles),
                               (int)((tile + 1) * columns / tiles)};
        const int64_t left = f->rows - row;
        if (left >= ROWS)
            one_tile(f, is_bf16, ROWS, columns, row, column, part);
        else
            for (int64_t r = 0; r < left; r++)
                one_tile(f, is_bf16, 1, columns, row + r, column, r ? (Prefetch){0} : part);
    }
}

INLINE void all_columns(const SkinnyGemm *f, const bool is_bf16, int64_t begin, int64_t end)
{
    for (; begin + COLUMNS <= end; begin += COLUMNS) all_rows(f, is_bf16, COLUMNS, begin);
    for (; begin < end; begin++) all_rows(f, is_bf16, 1, begin);
}

void COLUMNS_NAME(const SkinnyGemm *f, int64_t begin, int64_t end)
{
    if (f->w_q8)
        q8_columns(f, begin, end);
    else if (f->w_bf16)
        all_columns(f, true, begin, end);
    else
        all_columns(f, false, begin, end);
}

#endif

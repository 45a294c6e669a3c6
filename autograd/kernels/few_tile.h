/* Inside few.h: included once for each instruction set, after VECTOR_BYTES, ROWS (of x, in registers
 * together with COLUMNS of w) and COLUMNS_NAME, the function. */
#ifndef AUTOGRAD_KERNELS_FEW_TILE_H
#define AUTOGRAD_KERNELS_FEW_TILE_H

#include "autograd/kernels/few.h"
#include "autograd/kernels/vec.h"

enum { COLUMNS = 4, PAIRS = 2 * LANES };

#define TWICE(i, odd) 2 * (i) + (odd)
typedef Bits BitsAnywhere
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(bf16)), may_alias));

/* The columns, some of those that a tile will work on next, that it asks for meanwhile. */
typedef struct FewAhead {
    int64_t column;
    int first, end; /* counted from there */
} FewAhead;

/* The sums of whole vectors of x and w. Rows and columns are constants wherever this is called, so that sums
 * stay in registers. */
INLINE void few_sums(const Few *f, const int rows, const int columns, const real *x, int64_t column,
                     FewAhead ahead, Vec sum[ROWS][COLUMNS])
{
    const int64_t k = f->k, whole = k / LANES * LANES;
    const real *w = f->w + column * k, *next = f->w + ahead.column * k;
    for (int64_t i = 0; i < whole; i += LANES) {
        Vec weight[COLUMNS];
        for (int c = 0; c < columns; c++) weight[c] = load(w + c * k + i);
#pragma GCC unroll 4
        for (int c = ahead.first; c < ahead.end; c++) __builtin_prefetch(next + c * k + i, 0, 2);
        for (int r = 0; r < rows; r++) {
            const Vec one = load(x + r * k + i);
            for (int c = 0; c < columns; c++) sum[r][c] += one * weight[c];
        }
    }
}

/* The same of w in bfloat16. A vector holds pairs of weights: those at even places in the low halves, those at
 * odd places in the high ones. The sums of both are kept as one, so each number of x is beside its weight. */
INLINE void few_low_sums(const Few *f, const int rows, const int columns, const real *x,
                         int64_t column, FewAhead ahead, Vec sum[ROWS][COLUMNS])
{
#ifdef CAPSTAN_DOUBLE
    (void)f, (void)rows, (void)columns, (void)x, (void)column, (void)ahead, (void)sum;
#else
    const int64_t k = f->k, whole = k / PAIRS * PAIRS;
    const bf16 *w = f->w_low + column * k, *next = f->w_low + ahead.column * k;
    for (int64_t i = 0; i < whole; i += PAIRS) {
        Vec even[COLUMNS], odd[COLUMNS];
        for (int c = 0; c < columns; c++) {
            const VecBits pairs = *(const BitsAnywhere *)(w + c * k + i);
            even[c] = (Vec)(pairs << 16);
            odd[c] = (Vec)(pairs & 0xffff0000);
        }
#pragma GCC unroll 4
        for (int c = ahead.first; c < ahead.end; c++) __builtin_prefetch(next + c * k + i, 0, 2);
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
INLINE real few_rest(const Few *f, const bool low, const real *x, int64_t column)
{
    const int64_t k = f->k, step = low ? PAIRS : LANES;
    int64_t whole = k / step * step;
    real rest = 0;
    if (low && sizeof(real) > sizeof(float)) whole = 0;
    if (low)
        for (int64_t i = whole; i < k; i++) rest += x[i] * bf16_real(f->w_low[column * k + i]);
    else
        for (int64_t i = whole; i < k; i++) rest += x[i] * f->w[column * k + i];
    return rest;
}

INLINE void few_tile(const Few *f, const bool low, const int rows, const int columns, int64_t row,
                     int64_t column, FewAhead ahead)
{
    const real *x = f->x + row * f->k;
    Vec sum[ROWS][COLUMNS] = {0};
    if (low)
        few_low_sums(f, rows, columns, x, column, ahead, sum);
    else
        few_sums(f, rows, columns, x, column, ahead, sum);
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int c = 0; c < columns; c++) {
            const int64_t at = (row + r) * f->width + column + c;
            real y = total(sum[r][c]) + few_rest(f, low, x + r * f->k, column + c);
            if (f->b) y += f->b[column + c];
            if (f->residual) y += f->residual[at];
            f->y[at] = y;
        }
}

/* The tiles of rows share in asking for the next columns: at once memory would not keep up. Those of bfloat16
 * are passed sooner, so the columns after them are asked for. At the end the same columns again stand for them. */
INLINE void few_rows(const Few *f, const bool low, const int columns, int64_t column)
{
    const int64_t away = low ? 2 * columns : columns,
                  next = column + away + columns > f->width ? column : column + away;
    if (f->rows == 1) {
        few_tile(f, low, 1, columns, 0, column, (FewAhead){next, 0, columns});
        return;
    }
    const int64_t tiles = (f->rows + ROWS - 1) / ROWS;
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; tile++, row += ROWS) {
        const FewAhead part = {next, (int)(tile * columns / tiles),
                               (int)((tile + 1) * columns / tiles)};
        const int64_t left = f->rows - row;
        if (left >= ROWS)
            few_tile(f, low, ROWS, columns, row, column, part);
        else
            for (int64_t r = 0; r < left; r++)
                few_tile(f, low, 1, columns, row + r, column, r ? (FewAhead){0} : part);
    }
}

INLINE void few_columns(const Few *f, const bool low, int64_t begin, int64_t end)
{
    for (; begin + COLUMNS <= end; begin += COLUMNS) few_rows(f, low, COLUMNS, begin);
    for (; begin < end; begin++) few_rows(f, low, 1, begin);
}

void COLUMNS_NAME(const Few *f, int64_t begin, int64_t end)
{
    if (f->w_low)
        few_columns(f, true, begin, end);
    else
        few_columns(f, false, begin, end);
}

#endif

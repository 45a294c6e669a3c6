/* Inside few.h: included once for each instruction set, after VECTOR_BYTES, ROWS (of x, in registers
 * together with COLUMNS of w) and COLUMNS_NAME, the function. */
#ifndef AUTOGRAD_KERNELS_FEW_TILE_H
#define AUTOGRAD_KERNELS_FEW_TILE_H

#include "autograd/kernels/few.h"
#include "autograd/kernels/vec.h"

enum { COLUMNS = 4 };

/* Rows and columns are constants wherever this is called, so that sums stay in registers. Meanwhile `ahead` of
 * the next columns are asked for, from number `first` on. */
INLINE void few_tile(const Few *f, const int rows, const int columns, int64_t row, int64_t column,
                     int first, int ahead)
{
    const int64_t k = f->k, whole = k / LANES * LANES;
    const real *x = f->x + row * k, *w = f->w + column * k;
    Vec sum[ROWS][COLUMNS] = {0};
    for (int64_t i = 0; i < whole; i += LANES) {
        Vec weight[COLUMNS];
        for (int c = 0; c < columns; c++) weight[c] = load(w + c * k + i);
        for (int c = first; c < first + ahead; c++)
            __builtin_prefetch(w + (columns + c) * k + i, 0, 2);
        for (int r = 0; r < rows; r++) {
            const Vec one = load(x + r * k + i);
            for (int c = 0; c < columns; c++) sum[r][c] += one * weight[c];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            const int64_t at = (row + r) * f->width + column + c;
            real rest = 0;
            for (int64_t i = whole; i < k; i++) rest += x[r * k + i] * w[c * k + i];
            real y = total(sum[r][c]) + rest;
            if (f->b) y += f->b[column + c];
            if (f->residual) y += f->residual[at];
            f->y[at] = y;
        }
}

/* The tiles of rows share in asking for the next columns: at once memory would not keep up. */
INLINE void few_rows(const Few *f, const int columns, int64_t column)
{
    const int64_t tiles = (f->rows + ROWS - 1) / ROWS;
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; tile++, row += ROWS) {
        const int first = (int)(tile * columns / tiles),
                  ahead = (int)((tile + 1) * columns / tiles) - first;
        const bool last = column + 2 * columns > f->width;
        const int64_t left = f->rows - row;
        if (left >= ROWS)
            few_tile(f, ROWS, columns, row, column, first, last ? 0 : ahead);
        else
            for (int64_t r = 0; r < left; r++)
                few_tile(f, 1, columns, row + r, column, first, last || r ? 0 : ahead);
    }
}

void COLUMNS_NAME(const Few *f, int64_t begin, int64_t end)
{
    for (; begin + COLUMNS <= end; begin += COLUMNS) few_rows(f, COLUMNS, begin);
    for (; begin < end; begin++) few_rows(f, 1, begin);
}

#endif

#include "autograd/kernels/bf16.h"

VECTOR void bf16_narrow(bf16 *y, const real *x, int64_t count)
{
    bf16_narrow_inline(y, x, count);
}

VECTOR void bf16_widen(real *y, const bf16 *x, int64_t count)
{
    bf16_widen_inline(y, x, count);
}

/* A tile of rows is narrowed into a cache's reach, then turned from there. */
enum { ROWS = 32, COLUMNS = 64 };

VECTOR void bf16_narrow_rows(bf16 *y, bf16 *turned, int64_t turned_step, const real *x,
                             int64_t rows, int64_t width, int64_t step)
{
    bf16 tile[ROWS][COLUMNS];
    if (!turned) {
        for (int64_t r = 0; r < rows; r++) bf16_narrow_inline(y + r * width, x + r * step, width);
        return;
    }
    for (int64_t r = 0; r < rows; r += ROWS)
        for (int64_t c = 0; c < width; c += COLUMNS) {
            const int64_t high = rows - r < ROWS ? rows - r : ROWS,
                          wide = width - c < COLUMNS ? width - c : COLUMNS;
            for (int64_t i = 0; i < high; i++) {
                bf16_narrow_inline(tile[i], x + (r + i) * step + c, wide);
                if (y) memcpy(y + (r + i) * width + c, tile[i], (size_t)wide * sizeof *y);
            }
            for (int64_t j = 0; j < wide; j++)
                for (int64_t i = 0; i < high; i++)
                    turned[(c + j) * turned_step + r + i] = tile[i][j];
        }
}

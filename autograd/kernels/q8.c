#include "autograd/kernels/q8.h"

#include <math.h>
#include <string.h>

#include "autograd/kernels/half.h"

bool q8_round(const real *x, int64_t count, uint16_t *scale, int8_t *q, int64_t *at)
{
    float most = 0;
    *at = 0;
    for (int64_t i = 0; i < count; i++) {
        const float size = fabsf((float)x[i]);
        if (!(size <= most)) *at = i;
        if (!isfinite(size)) return false;
        if (size > most) most = size;
    }
    const float step = most / 127;
    *scale = half_of(step);
    if (!(step < 65520)) return false;
    for (int64_t i = 0; i < count; i++) q[i] = (int8_t)(step > 0 ? roundf((float)x[i] / step) : 0);
    return true;
}

static int64_t blocks_of(int64_t count, int64_t length)
{
    return (count + length - 1) / length;
}

int64_t q8_size(int64_t rows, int64_t columns)
{
    return blocks_of(rows, Q8_PANEL) * blocks_of(columns, Q8_LENGTH);
}

/* Row `row` of the panel that begins at `to`. */
static bool pack_row(real *x, int64_t columns, Q8Block *to, int row)
{
    for (int64_t begin = 0; begin < columns; begin += Q8_LENGTH, to++) {
        const int64_t left = columns - begin, count = left < Q8_LENGTH ? left : Q8_LENGTH;
        int8_t q[Q8_LENGTH];
        int64_t at;
        if (!q8_round(x + begin, count, to->scale + row, q, &at)) return false;
        const real scale = half_float(to->scale[row]);
        for (int64_t i = 0; i < count; i++) {
            to->q[i / 4][row][i % 4] = q[i];
            x[begin + i] = scale * q[i];
        }
    }
    return true;
}

bool q8_pack(real *x, int64_t rows, int64_t columns, Q8Block *to)
{
    const int64_t blocks = blocks_of(columns, Q8_LENGTH);
    memset(to, 0, (size_t)q8_size(rows, columns) * sizeof *to);
    for (int64_t r = 0; r < rows; r++)
        if (!pack_row(x + r * columns, columns, to + r / Q8_PANEL * blocks, (int)(r % Q8_PANEL)))
            return false;
    return true;
}

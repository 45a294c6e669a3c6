/* Inside the attention kernel: short vectors, and products of small tiles. Included once for each
 * instruction set, after VECTOR_BYTES (how long a vector is) and ROWS (rows of c held in
 * registers). */
#ifndef AUTOGRAD_KERNELS_ATTENTION_VECTOR_H
#define AUTOGRAD_KERNELS_ATTENTION_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "autograd/kernels/attention.h"
#include "autograd/kernels/vec.h"

/* 2^x for x <= 0 or slightly above; 0 where the result would be subnormal. x = n + r, |r| <= 1/2;
 * 2^r is interpolated at Chebyshev's points. NaN stays NaN. */
INLINE Vec exp2_vec(Vec x)
{
#ifdef CAPSTAN_DOUBLE
    enum { FRACTION = 52 };
    const real round = 0x1.8p52, min = -1022;
    static const real c[] = {0x1.c4a29324a1038p-36, 0x1.e9ec1fcb69a7fp-32, 0x1.e4cf10dec0f59p-28,
                             0x1.b524ebd13a55fp-24, 0x1.62c02242b879cp-20, 0x1.ffcbfc6da6ed1p-17,
                             0x1.430912f86b7dbp-13, 0x1.5d87fe78a3f9cp-10, 0x1.3b2ab6fba4e79p-7,
                             0x1.c6b08d704a0c6p-5,  0x1.ebfbdff82c58fp-3,  0x1.62e42fefa39efp-1};
#else
    enum { FRACTION = 23 };
    const real round = 0x1.8p23f, min = -126;
    static const real c[] = {0x1.44138ap-13f, 0x1.5f0890p-10f, 0x1.3b2a54p-7f,
                             0x1.c6af6cp-5f,  0x1.ebfbe0p-3f,  0x1.62e430p-1f};
#endif
    const Vec shifted = x + round, r = x - (shifted - round);
    Vec y = all(c[0]);
#pragma GCC unroll 16
    for (size_t i = 1; i < sizeof c / sizeof *c; i++) y = y * r + c[i];
    y = y * r + 1;
    y = (Vec)((VecBits)y + ((VecBits)shifted << FRACTION));
    return choose(x < all(min), (Vec){0}, y);
}

INLINE Vec tanh_vec(Vec x)
{
    const Vec size = choose(x < (Vec){0}, -x, x), e = exp2_vec(size * (real)(-2 * LOG2E)),
              y = (1 - e) / (1 + e);
    const Vec result = choose(x < (Vec){0}, -y, y);
#ifdef CAPSTAN_DOUBLE
    return result;
#else /* near 0, where 1 - e has lost digits, the series */
    const Vec z = x * x,
              near = x + x * z *
                             (z * (z * (z * 0x1.664f48p-6f - 0x1.ba1ba2p-5f) + 0x1.111112p-3f) -
                              0x1.555556p-2f);
    return choose(size < all(0.3f), near, result);
#endif
}

INLINE double log2_real(real x)
{
    return sizeof x == sizeof(float) ? log2f((float)x) : log2((double)x);
}

/* A score so far below the maximum that its weight is 0. It replaces -infinity, whose product with
 * 0 is NaN. */
#define WEIGHTLESS (-(real)10000)

/* -sum of p log p, p = 2^score / sum, in nats; spread: sum of 2^score score. */
INLINE double entropy_of(real sum, real spread)
{
    return (log2_real(sum) - (double)(spread / sum)) / LOG2E;
}

/* c [rows, vecs * LANES] = a b, or c += a b. a_row and a_column: strides of a. rows and vecs are
 * constants in every call, so that c stays in registers. */
INLINE void product_tile(const int rows, const int vecs, int64_t k, const real *a, int64_t a_row,
                         int64_t a_column, const real *b, int64_t b_row, real *c, int64_t c_row,
                         bool add)
{
    Vec sum[8][2];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) sum[r][v] = add ? load(c + r * c_row + v * LANES) : (Vec){0};
#pragma GCC unroll 4
    for (int64_t i = 0; i < k; i++, a += a_column, b += b_row) {
        const Vec b0 = load(b), b1 = vecs > 1 ? load(b + LANES) : b0;
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const Vec x = all(a[r * a_row]);
            sum[r][0] += x * b0;
            if (vecs > 1) sum[r][1] += x * b1;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) store(c + r * c_row + v * LANES, sum[r][v]);
}

/* The same for any number of rows, a multiple of 4, and of vectors. */
INLINE void product(int64_t rows, int64_t vecs, int64_t k, const real *a, int64_t a_row,
                    int64_t a_column, const real *b, int64_t b_row, real *c, int64_t c_row,
                    bool add)
{
    while (rows > 0) {
        const int64_t height = rows >= ROWS ? ROWS : 4;
        int64_t v = 0;
        for (; v + 2 <= vecs; v += 2)
            if (height == ROWS)
                product_tile(ROWS, 2, k, a, a_row, a_column, b + v * LANES, b_row, c + v * LANES,
                             c_row, add);
            else
                product_tile(4, 2, k, a, a_row, a_column, b + v * LANES, b_row, c + v * LANES,
                             c_row, add);
        if (v < vecs) {
            if (height == ROWS)
                product_tile(ROWS, 1, k, a, a_row, a_column, b + v * LANES, b_row, c + v * LANES,
                             c_row, add);
            else
                product_tile(4, 1, k, a, a_row, a_column, b + v * LANES, b_row, c + v * LANES,
                             c_row, add);
        }
        rows -= height;
        a += height * a_row;
        c += height * c_row;
    }
}

/* Swaps the two off-diagonal d x d blocks of each 2 d x 2 d block. */
#define SWAP(d)                                                              \
    if (LANES > d) {                                                         \
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)             \
        {                                                                    \
            if (i & d) continue;                                             \
            const Vec x = r[i], y = r[i + d];                                \
            r[i] = __builtin_shufflevector(x, y, PICK(LOW, d % LANES));      \
            r[i + d] = __builtin_shufflevector(x, y, PICK(HIGH, d % LANES)); \
        }                                                                    \
    }

/* to [LANES, LANES], rows to_step apart = the transpose of `from`, padded with rows of zeros. */
INLINE void transpose_block(real *to, int64_t to_step, const real *from, int64_t step, int64_t rows,
                            real factor)
{
    Vec r[LANES];
    if (rows >= LANES)
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) r[i] = load(from + i * step);
    else
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) r[i] = i < rows ? load(from + i * step) : (Vec){0};
    SWAP(8)
    SWAP(4)
    SWAP(2)
    SWAP(1)
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) store(to + i * to_step, r[i] * factor);
}

/* Prefetches a row of `width` numbers for reading or writing: the hardware does not foresee rows
 * that lie far apart. */
#define PREFETCH(x, width, write)                                                             \
    for (int64_t prefetch_ = 0; prefetch_ < (width); prefetch_ += 64 / (int64_t)sizeof(real)) \
    __builtin_prefetch((x) + prefetch_, write)

/* Panels of `panel` rows of x [rows, width], transposed: to [panels, width, panel], times factor.
 * Rows beyond the last are zeros, up to a multiple of grain. */
static void pack_columns(real *to, int64_t panel, int64_t grain, const real *x, int64_t step,
                         int64_t rows, int64_t width, real factor)
{
    for (int64_t i = 0; i < (rows + grain - 1) / grain * grain; i += LANES) {
        real *block = to + i / panel * panel * width + i % panel;
        for (int64_t c = 0; i >= rows && c < width; c++) store(block + c * panel, (Vec){0});
        for (int64_t r = i + LANES; r < rows && r < i + 2 * LANES; r++)
            PREFETCH(x + r * step, width, 0);
        for (int64_t j = 0; i < rows && j < width; j += LANES, block += LANES * panel) {
            const int64_t high = rows - i, wide = width - j;
            if (wide >= LANES) {
                transpose_block(block, panel, x + i * step + j, step, high, factor);
                continue;
            }
            real edge[LANES * LANES] = {0}, transposed[LANES * LANES];
            for (int64_t r = 0; r < LANES && r < high; r++)
                memcpy(edge + r * LANES, x + (i + r) * step + j, (size_t)wide * sizeof *x);
            transpose_block(transposed, LANES, edge, LANES, LANES, factor);
            for (int64_t c = 0; c < wide; c++)
                store(block + c * panel, load(transposed + c * LANES));
        }
    }
}

INLINE void scale_row(real *to, const real *x, int64_t width, real factor)
{
    int64_t c = 0;
    for (; c + LANES <= width; c += LANES) store(to + c, load(x + c) * factor);
    for (; c < width; c++) to[c] = x[c] * factor;
}

/* x [rows, width] in rows of `padded` numbers, and zeros up to `all_rows` rows. */
static void pack_rows(real *to, int64_t padded, const real *x, int64_t step, int64_t rows,
                      int64_t width, int64_t all_rows)
{
    for (int64_t i = 0; i < rows; i++) {
        if (i + 8 < rows) PREFETCH(x + (i + 8) * step, width, 0);
        int64_t c = 0;
        for (; c + LANES <= width; c += LANES) store(to + i * padded + c, load(x + i * step + c));
        for (; c < width; c++) to[i * padded + c] = x[i * step + c];
        for (; c < padded; c++) to[i * padded + c] = 0;
    }
    memset(to + rows * padded, 0, (size_t)((all_rows - rows) * padded) * sizeof *to);
}

#endif

/* bfloat16: the upper half of a float. Conversion rounds to nearest, ties to even, so x becomes
 * x (1 + d) with |d| <= 2^-8 (BF16_ROUNDING); NaN stays NaN, and what is too large becomes
 * infinite. Only memory and operands of products are bfloat16: all other arithmetic converts to
 * float first. */
#ifndef AUTOGRAD_KERNELS_BF16_H
#define AUTOGRAD_KERNELS_BF16_H

#include <stdint.h>
#include <string.h>

#include "autograd/kernels/vector.h"

#define BF16_ROUNDING 0x1p-8

/* No branches and no tables: a loop over these is vector code. */
VECTOR_INLINE bf16 bf16_of(real value)
{
    const float x = (float)value;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x400000;
    return (bf16)(((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded) >> 16);
}

VECTOR_INLINE real bf16_real(bf16 x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* For loops of ops: inlined into each version of a VECTOR function. */
VECTOR_INLINE void to_bf16_inline(bf16 *restrict y, const real *restrict x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) y[i] = bf16_of(x[i]);
}

VECTOR_INLINE void from_bf16_inline(real *restrict y, const bf16 *restrict x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) y[i] = bf16_real(x[i]);
}

/* count numbers of x from `at` on: in place, or converted into buffer. */
VECTOR_INLINE const real *bf16_numbers(const Tensor *x, int64_t at, int64_t count, real *buffer)
{
    if (x->data) return x->data + at;
    from_bf16_inline(buffer, x->bf16 + at, count);
    return buffer;
}

/* See vector_prefetch(). */
VECTOR_INLINE void bf16_prefetch(const Tensor *x, int64_t at, int64_t count)
{
    if (x->data)
        vector_prefetch(x->data + at, count);
    else
        vector_prefetch((const real *)(const void *)(x->bf16 + at),
                        count * (int64_t)sizeof(bf16) / (int64_t)sizeof(real));
}

/* Where to write numbers of x from `at` on; then bf16_output_done() converts them if x is
 * bfloat16. */
VECTOR_INLINE real *bf16_output(const Tensor *x, int64_t at, real *buffer)
{
    return x->data ? x->data + at : buffer;
}

VECTOR_INLINE void bf16_output_done(const Tensor *x, int64_t at, int64_t count, const real *buffer)
{
    if (!x->data) to_bf16_inline(x->bf16 + at, buffer, count);
}

void to_bf16(bf16 *y, const real *x, int64_t count);
void from_bf16(real *y, const bf16 *x, int64_t count);

/* Converts x [rows, width] to y [rows, width], and to its transpose, transposed [width,
 * transposed_step]; either may be NULL. The transpose is for sums over rows, g^T x, which oneDNN
 * computes at a half to three quarters of the rate of an untransposed product. */
void to_bf16_rows(bf16 *y, bf16 *transposed, int64_t transposed_step, const real *x, int64_t rows,
                  int64_t width);

/* transposed [width, transposed_step] = the transpose of x [rows, width], whose rows are step
 * apart. */
void bf16_transpose(bf16 *transposed, int64_t transposed_step, const bf16 *x, int64_t rows,
                    int64_t width, int64_t step);

/* y = x [rows, width], on all threads. */
void to_bf16_matrix(bf16 *y, const real *x, int64_t rows, int64_t width);

/* y = x, transposed [width, rows] = its transpose; either may be NULL. On all threads. */
void to_bf16_transposed(bf16 *y, bf16 *transposed, const real *x, int64_t rows, int64_t width);

#endif

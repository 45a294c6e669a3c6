/* Inside the bfloat16 attention kernels: blocks of 32 rows and 32 columns. Included once for each
 * instruction set, by files compiled for AVX512-BF16.
 *
 * A product c [32, 32] += a b takes steps of 32 numbers of its depth. Of a, one step is 32 rows of
 * 32 numbers; of b, two tiles [16, 16] of pairs, pair i of column j being the numbers 2 i and 2 i +
 * 1 of that column. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_BF16_BLOCK_H
#define AUTOGRAD_KERNELS_ATTENTION_BF16_BLOCK_H

#include <string.h>

#include "autograd/kernels/attention_tile.h"

enum { SIDE = 32, TILE = 16 * SIDE };

#define BLOCK_INLINE static inline __attribute__((always_inline))

/* Strides of an operand, in numbers: from one row of a, or tile of b, to the next; from one step to
 * the next. */
typedef struct Steps {
    const bf16 *data;
    int64_t next, step;
} Steps;

/* The 16 x 16 pairs of r, transposed. */
BLOCK_INLINE void transpose_16(__m512i r[16])
{
    __m512i t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

BLOCK_INLINE __m512i to_bf16_32(__m512 low, __m512 high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* Columns [c, c + 16) of a row of `width`, zeros beyond. */
BLOCK_INLINE __mmask16 within_16(int64_t c, int64_t width)
{
    return width - c >= 16 ? 0xffff : width > c ? (__mmask16)((1u << (width - c)) - 1) : 0;
}

BLOCK_INLINE __mmask32 within_32(int64_t c, int64_t width)
{
    return width - c >= 32 ? 0xffffffff : (__mmask32)((1u << (width - c)) - 1);
}

/* to [32, padded] = rows of bfloat16 numbers, of the rows whose bit in `rows` is set; zeros in the
 * others. */
BLOCK_INLINE void stage_bf16(bf16 *to, int64_t padded, const bf16 *x, int64_t step, uint32_t rows,
                             int64_t width)
{
    for (int r = 0; r < SIDE; r++, x += step)
        for (int64_t c = 0; c < padded; c += SIDE)
            _mm512_storeu_si512(to + r * padded + c,
                                rows >> r & 1 ? _mm512_maskz_loadu_epi16(within_32(c, width), x + c)
                                              : _mm512_setzero_si512());
}

/* The same from float numbers. */
BLOCK_INLINE void stage_float(bf16 *to, int64_t padded, const real *x, int64_t step, uint32_t rows,
                              int64_t width)
{
    for (int r = 0; r < SIDE; r++, x += step)
        for (int64_t c = 0; c < padded; c += SIDE) {
            __m512i both = _mm512_setzero_si512();
            if (rows >> r & 1)
                both = to_bf16_32(_mm512_maskz_loadu_ps(within_16(c, width), x + c),
                                  _mm512_maskz_loadu_ps(within_16(c + 16, width), x + c + 16));
            _mm512_storeu_si512(to + r * padded + c, both);
        }
}

/* x^T as operand b, x [32, padded]: to [padded / 32 steps, 2 tiles]. */
BLOCK_INLINE void as_columns(bf16 *to, const bf16 *x, int64_t padded)
{
    for (int64_t c = 0; c < padded; c += SIDE)
        for (int half = 0; half < 2; half++, to += TILE) {
            __m512i r[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++)
                r[i] = _mm512_loadu_si512(x + (half * 16 + i) * padded + c);
            transpose_16(r);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) _mm512_storeu_si512(to + i * SIDE, r[i]);
        }
}

/* x [32, padded] as operand b, one step deep: to [padded / 16 tiles]. */
BLOCK_INLINE void as_pairs(bf16 *to, const bf16 *x, int64_t padded)
{
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    for (int64_t c = 0; c < padded; c += SIDE, to += 2 * TILE)
        for (int i = 0; i < 16; i++) {
            const __m512i even = _mm512_loadu_si512(x + 2 * i * padded + c),
                          odd = _mm512_loadu_si512(x + (2 * i + 1) * padded + c),
                          low = _mm512_unpacklo_epi16(even, odd),
                          high = _mm512_unpackhi_epi16(even, odd);
            _mm512_storeu_si512(to + i * SIDE, _mm512_permutex2var_epi32(low, first, high));
            _mm512_storeu_si512(to + TILE + i * SIDE, _mm512_permutex2var_epi32(low, second, high));
        }
}

/* Prefetches the rows of a block, below `end`, of `size` bytes each, for reading or writing. */
BLOCK_INLINE void prefetch_rows(const void *x, int64_t step, int64_t row, int64_t end, int64_t size,
                                const int write)
{
    const char *at = x;
    for (int64_t r = row; r < row + SIDE && r < end; r++)
        for (int64_t c = 0; c < size; c += 64)
            if (write)
                __builtin_prefetch(at + r * step + c, 1);
            else
                __builtin_prefetch(at + r * step + c, 0);
}

BLOCK_INLINE void prefetch_bf16(AttentionMatrixBf16 x, int64_t row, int64_t end, int64_t column,
                                int64_t width)
{
    const int64_t one = (int64_t)sizeof *x.data;
    prefetch_rows(x.data + column, x.step * one, row, end, width * one, 0);
}

/* The one of 32 columns that unpacking words puts at index i of the first 16; + 4: of the other
 * 16. */
BLOCK_INLINE int unpacked(int i)
{
    return i / 4 * 8 + i % 4;
}

/* x [32, padded], transposed: to [padded, 32]. */
BLOCK_INLINE void as_transposed(bf16 *to, const bf16 *x, int64_t padded)
{
    for (int64_t c = 0; c < padded; c += SIDE)
        for (int half = 0; half < 2; half++) {
            __m512i r[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                const __m512i even = _mm512_loadu_si512(x + 2 * i * padded + c),
                              odd = _mm512_loadu_si512(x + (2 * i + 1) * padded + c);
                r[i] = half ? _mm512_unpackhi_epi16(even, odd) : _mm512_unpacklo_epi16(even, odd);
            }
            transpose_16(r);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++)
                _mm512_storeu_si512(to + (c + unpacked(i) + 4 * half) * SIDE, r[i]);
        }
}

/* 2^x, 0 where that would be subnormal, to 4e-6: a weight is rounded to 2^-9 after this. NaN stays
 * NaN. See exp2_vec() in attention_vector.h. */
BLOCK_INLINE __m512 exp2_16(__m512 x)
{
    const __m512 round = _mm512_set1_ps(0x1.8p23f);
    const __m512 shifted = _mm512_add_ps(x, round),
                 r = _mm512_sub_ps(x, _mm512_sub_ps(shifted, round));
    __m512 y = _mm512_set1_ps(0x1.3cbf60p-7f);
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0x1.ca1ce2p-5f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0x1.ebfa4cp-3f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(0x1.62e0c2p-1f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1));
    return _mm512_castsi512_ps(
        _mm512_maskz_add_epi32(_mm512_cmp_ps_mask(x, _mm512_set1_ps(-126), _CMP_NLT_UQ),
                               _mm512_castps_si512(y),
                               _mm512_slli_epi32(_mm512_castps_si512(shifted), 23)));
}

/* As tanh_vec() in attention_vector.h, as exact as exp2_16(). */
BLOCK_INLINE __m512 tanh_16(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1), size = _mm512_abs_ps(x),
                 e = exp2_16(_mm512_mul_ps(size, _mm512_set1_ps((float)(-2 * LOG2E)))),
                 y = _mm512_div_ps(_mm512_sub_ps(one, e), _mm512_add_ps(one, e)),
                 z = _mm512_mul_ps(x, x);
    __m512 near = _mm512_set1_ps(0x1.664f48p-6f);
    near = _mm512_fmadd_ps(near, z, _mm512_set1_ps(-0x1.ba1ba2p-5f));
    near = _mm512_fmadd_ps(near, z, _mm512_set1_ps(0x1.111112p-3f));
    near = _mm512_fmadd_ps(near, z, _mm512_set1_ps(-0x1.555556p-2f));
    near = _mm512_fmadd_ps(near, _mm512_mul_ps(z, x), x);
    const __m512 far = _mm512_mask_sub_ps(y, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ),
                                          _mm512_setzero_ps(), y);
    return _mm512_mask_mov_ps(far, _mm512_cmp_ps_mask(size, _mm512_set1_ps(0.3f), _CMP_LT_OQ),
                              near);
}

#endif

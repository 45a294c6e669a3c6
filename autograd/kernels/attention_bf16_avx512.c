#include "autograd/kernels/attention_bf16.h"

#if ATTENTION_BF16_BUILT
#include <immintrin.h>

/* As in attention_avx512.c. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target(                                           \
                                 "avx512f,avx512dq,avx512vl,avx512bw,avx512bf16,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx512bf16,avx2,fma,prefer-vector-width=512")
#endif

#include "autograd/kernels/attention_bf16_block.h"

static void tiles_begin(void)
{
}

static void tiles_end(void)
{
}

BLOCK_INLINE __m512bh pair_everywhere(const bf16 *x)
{
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

/* c [32, 32] = a b, or c += a b, over `steps` steps of the depth: eight rows at a time are in
 * registers. */
BLOCK_INLINE void square(float *c, int64_t c_row, bool add, int64_t steps, Steps a, Steps b)
{
    enum { ROWS = 8 };
    for (int row = 0; row < SIDE; row += ROWS, c += ROWS * c_row, a.data += ROWS * a.next) {
        const bf16 *x = a.data, *y = b.data;
        __m512 sum[ROWS][2];
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) {
            sum[r][0] = add ? _mm512_loadu_ps(c + r * c_row) : _mm512_setzero_ps();
            sum[r][1] = add ? _mm512_loadu_ps(c + r * c_row + 16) : _mm512_setzero_ps();
        }
        for (int64_t i = 0; i < steps; i++, x += a.step, y += b.step)
            for (int pair = 0; pair < 16; pair++) {
                const __m512bh left = (__m512bh)_mm512_loadu_si512(y + pair * SIDE),
                               right = (__m512bh)_mm512_loadu_si512(y + b.next + pair * SIDE);
#pragma GCC unroll 8
                for (int r = 0; r < ROWS; r++) {
                    const __m512bh one = pair_everywhere(x + r * a.next + 2 * pair);
                    sum[r][0] = _mm512_dpbf16_ps(sum[r][0], left, one);
                    sum[r][1] = _mm512_dpbf16_ps(sum[r][1], right, one);
                }
            }
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) {
            _mm512_storeu_ps(c + r * c_row, sum[r][0]);
            _mm512_storeu_ps(c + r * c_row + 16, sum[r][1]);
        }
    }
}

#define FORWARD  attention_bf16_forward_avx512
#define BACKWARD attention_bf16_backward_avx512
#include "autograd/kernels/attention_bf16_backward.h"
#include "autograd/kernels/attention_bf16_forward.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif

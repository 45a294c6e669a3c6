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

/* Assembly, because the compiler's intrinsics for tiles do not declare that they read and write
 * memory. */
#define TILE_LOAD(tile, from, step) \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"(step) : "memory")
#define TILE_STORE(tile, to, step) \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(step) : "memory")
#define TILE_ZERO(tile)   __asm__ volatile("tilezero %%tmm" #tile ::)
#define TILE_ADD(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

/* Eight tiles of 16 rows of 64 bytes. */
static void tiles_begin(void)
{
    struct {
        uint8_t palette, start, zero[14];
        uint16_t row_size[16];
        uint8_t rows[16];
    } tiles = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        tiles.row_size[i] = 64;
        tiles.rows[i] = 16;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(tiles));
}

static void tiles_end(void)
{
    __asm__ volatile("tilerelease" ::);
}

/* c [32, 32] = a b, or c += a b, over `steps` steps of the depth. */
BLOCK_INLINE void square(float *c, int64_t c_row, bool add, int64_t steps, Steps a, Steps b)
{
    const int64_t c_step = c_row * (int64_t)sizeof *c, a_step = a.next * (int64_t)sizeof(bf16);
    float *below = c + 16 * c_row;
    if (add) {
        TILE_LOAD(0, c, c_step);
        TILE_LOAD(1, c + 16, c_step);
        TILE_LOAD(2, below, c_step);
        TILE_LOAD(3, below + 16, c_step);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
    for (int64_t i = 0; i < steps; i++, a.data += a.step, b.data += b.step) {
        TILE_LOAD(4, a.data, a_step);
        TILE_LOAD(6, b.data, (int64_t)64);
        TILE_LOAD(7, b.data + b.next, (int64_t)64);
        TILE_LOAD(5, a.data + 16 * a.next, a_step);
        TILE_ADD(0, 4, 6);
        TILE_ADD(1, 4, 7);
        TILE_ADD(2, 5, 6);
        TILE_ADD(3, 5, 7);
    }
    TILE_STORE(0, c, c_step);
    TILE_STORE(1, c + 16, c_step);
    TILE_STORE(2, below, c_step);
    TILE_STORE(3, below + 16, c_step);
}

#define FORWARD  attention_bf16_forward_amx
#define BACKWARD attention_bf16_backward_amx
#include "autograd/kernels/attention_bf16_backward.h"
#include "autograd/kernels/attention_bf16_forward.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif

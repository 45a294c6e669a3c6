/* Inside gemm: how a product is cut into blocks for threads. */
#ifndef AUTOGRAD_KERNELS_GEMM_BLOCKS_H
#define AUTOGRAD_KERNELS_GEMM_BLOCKS_H

#include <stdint.h>

/* Every block packs the other operand again. With one thread and AVX-512 that costs 1 to 5 % in
 * blocks of 1024, 3 to 9 % of 512, and 4 to 17 % of 256. So a block is about LONG, their number is
 * even for an even number of threads, and a product below SMALL multiply-adds is one block. */
static inline int64_t gemm_block_length(int64_t longer, int64_t shorter, int64_t k)
{
    const int64_t LONG = 1024, SMALL = 100000000, GRAIN = 32;
    const int64_t pairs = longer / (2 * LONG), blocks = pairs ? 2 * pairs : 2;
    if (longer <= GRAIN || (double)longer * (double)shorter * (double)k < (double)SMALL)
        return longer;
    return ((longer + blocks - 1) / blocks + GRAIN - 1) / GRAIN * GRAIN;
}

#endif

/* Inside the attention kernels: which weights dropout zeroes. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_DROPOUT_H
#define AUTOGRAD_KERNELS_ATTENTION_DROPOUT_H

#include "autograd/kernels/attention_tile.h"

/* The dropout factors, 0 or drop_scale, of the weights of row i for the keys in v, counted from
 * `key`. 64 keys use one random word each, from 16 counters. */
static void drop_factors(const AttentionUnit *u, int64_t head, int64_t i, int64_t key, Interval v,
                         real *factor)
{
    const real scale = (real)u->drop_scale;
    const uint64_t row = u->drop_row + (uint64_t)i * u->drop_row_step + (uint64_t)head;
    for (int64_t j = v.first / 64 * 64; j < v.end; j += 64) {
        uint32_t word[4][16];
        const uint64_t counter = row << 24 | (uint64_t)(key + j) / 4;
        for (int b = 0; b < 16; b++) {
            const Random4 r = rng_block(u->rng, counter + (uint64_t)b, u->step);
            for (int c = 0; c < 4; c++) word[c][b] = r.word[c];
        }
        const uint32_t *flat = word[0];
        const int64_t begin = v.first > j ? v.first - j : 0, end = v.end - j < 64 ? v.end - j : 64;
        for (int64_t c = begin; c < end; c++) factor[j + c] = flat[c] < u->drop_below ? 0 : scale;
    }
}

#endif

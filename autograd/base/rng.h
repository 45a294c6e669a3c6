/* Random numbers as pure functions: there is no generator to advance, so there is no state to save.
 *
 * A number is a function of (seed, stream, counter). A stream is named: rng_stream(seed, "blocks.0.
 * attn.q.weight") is the same on every machine, whatever other streams exist. Generator:
 * Philox4x32-10, Salmon et al. 2011, doi:10.1145/2063384.2063405. */
#ifndef AUTOGRAD_BASE_RNG_H
#define AUTOGRAD_BASE_RNG_H

#include <stdint.h>

typedef struct Rng {
    uint32_t key[2];
} Rng;

typedef struct Random4 {
    uint32_t word[4];
} Random4;

Rng rng_stream(uint64_t seed, const char *name);

/* Ten rounds over the 128-bit counter (low, high). Inline: dropout calls it in its inner loop. */
static inline Random4 rng_block(Rng r, uint64_t low, uint64_t high)
{
    uint32_t c0 = (uint32_t)low, c1 = (uint32_t)(low >> 32), c2 = (uint32_t)high,
             c3 = (uint32_t)(high >> 32), k0 = r.key[0], k1 = r.key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (Random4){{c0, c1, c2, c3}};
}

/* Number i of the stream's sequence `high`; high is 0 where a stream needs only one sequence. */
uint64_t rng_u64(Rng r, uint64_t i, uint64_t high);
uint64_t rng_below(Rng r, uint64_t i, uint64_t high, uint64_t limit); /* in [0, limit); limit > 0 */
double rng_uniform(Rng r, uint64_t i, uint64_t high);                 /* in [0, 1) */
double rng_normal(Rng r, uint64_t i, uint64_t high);                  /* mean 0, variance 1 */

#endif

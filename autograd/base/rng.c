#include "autograd/base/rng.h"

#include <math.h>

Rng rng_stream(uint64_t seed, const char *name)
{
    uint64_t hash =
        0xCBF29CE484222325u; /* FNV-1a: the name chooses a counter, the seed is the key */
    while (*name) hash = (hash ^ (unsigned char)*name++) * 0x100000001B3u;
    Rng r = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    Random4 x = rng_block(r, hash, 0);
    return (Rng){{x.word[0], x.word[1]}};
}

uint64_t rng_u64(Rng r, uint64_t i, uint64_t high)
{
    Random4 x = rng_block(r, i, high);
    return (uint64_t)x.word[1] << 32 | x.word[0];
}

uint64_t rng_below(Rng r, uint64_t i, uint64_t high, uint64_t limit)
{
    /* The high half of a product (Lemire 2019): the bias is less than limit / 2^64. */
    __extension__ typedef unsigned __int128 Wide;
    return (uint64_t)((Wide)rng_u64(r, i, high) * limit >> 64);
}

static double unit(uint32_t low, uint32_t high)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double rng_uniform(Rng r, uint64_t i, uint64_t high)
{
    Random4 x = rng_block(r, i, high);
    return unit(x.word[0], x.word[1]);
}

double rng_normal(Rng r, uint64_t i, uint64_t high)
{
    Random4 x = rng_block(r, i, high); /* Box & Muller 1958 */
    double u = 1.0 - unit(x.word[0], x.word[1]), v = unit(x.word[2], x.word[3]);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

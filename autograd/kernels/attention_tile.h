/* Inside the attention kernel: tile sizes, the same for all instruction sets. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_TILE_H
#define AUTOGRAD_KERNELS_ATTENTION_TILE_H

#include <math.h>

#include "autograd/kernels/attention.h"

#define LOG2E 1.4426950408889634

enum {
    QUERIES = 64,      /* rows of a tile of queries */
    STRIP = 8,         /* rows of a strip */
    KEYS = 64,         /* keys of a tile: a multiple of 64, which drop_factors() wants */
    ALIGNMENT_MAX = 32 /* numbers: two vectors of the longest kind */
};

typedef struct Interval {
    int64_t first, end;
} Interval;

/* The keys that a row sees. */
static inline Interval seen(const AttentionUnit *u, int64_t row)
{
    const int64_t own = u->keys - u->queries + row;
    Interval x = {0, own + 1};
    if (u->first) x = (Interval){u->first[row], u->end[row]};
    if (!u->window) return x;
    if (x.first <= own - u->window) x.first = own - u->window + 1;
    if (x.end > own + u->window) x.end = own + u->window;
    return x;
}

/* The row sees the keys [0, sinks_of()), too. x: seen() of the row. */
static inline int64_t sinks_of(const AttentionUnit *u, Interval x)
{
    if (!u->sinks || x.first >= x.end) return 0;
    return u->sinks < x.first ? u->sinks : x.first;
}

/* Adds a learned sink to a row: a key with that score and no value. max (times log2 e) and sum are
 * those of the row's scores, and become those with the sink. Returns the factor of the row's sum of
 * values. */
static inline real add_sink(const real *sink, int64_t head, real *max, real *sum)
{
    if (!sink) return 1 / *sum;
    const real score = sink[head] * (real)LOG2E, top = score > *max ? score : *max,
               less = (real)exp2((double)(*max - top));
    *sum = *sum * less + (real)exp2((double)(score - top));
    *max = top;
    return less / *sum;
}

#endif

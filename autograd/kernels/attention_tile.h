/* Inside the attention kernel: tile sizes, the same for all instruction sets. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_TILE_H
#define AUTOGRAD_KERNELS_ATTENTION_TILE_H

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

#endif

/* Inside the attention kernel: rows are prefetched while other rows are worked on. The heads of a
 * row are adjacent in memory, so the hardware prefetcher does not guess which part of a row is
 * next; and a short unit is finished before its own prefetches arrive, so the unit before issues
 * them. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_PREFETCH_H
#define AUTOGRAD_KERNELS_ATTENTION_PREFETCH_H

#include "autograd/kernels/attention_tile.h"
#include "autograd/kernels/attention_vector.h"

/* Most keys of a unit whose rows the unit before prefetches: they stay in the cache. */
enum { NEXT_MAX = 256 };

/* Prefetches the strip of rows from `row` on, below `end`, for reading or writing. */
INLINE void prefetch_strip(AttentionMatrix x, int64_t row, int64_t end, int64_t column,
                           int64_t width, bool write)
{
    for (int64_t i = row; x.data && i < row + STRIP && i < end; i++)
        if (write)
            PREFETCH(x.data + i * x.step + column, width, 1);
        else
            PREFETCH(x.data + i * x.step + column, width, 0);
}

/* Whether this head prefetches the next unit's rows: the last of the heads that share the keys
 * does. */
INLINE bool prefetches_next(const AttentionUnit *u, int64_t head)
{
    return u->next && u->next->keys <= NEXT_MAX && head == u->group - 1;
}

/* Prefetches one strip's share of the next unit's rows. */
INLINE void prefetch_next(const AttentionUnit *u, AttentionMatrix x, int64_t rows, int64_t width,
                          int64_t row)
{
    const int64_t strips = (u->queries + STRIP - 1) / STRIP, part = (rows + strips - 1) / strips;
    const int64_t begin = row / STRIP * part, end = begin + part < rows ? begin + part : rows;
    for (int64_t i = begin; i < end; i++) PREFETCH(x.data + i * x.step, width, 0);
}

#endif

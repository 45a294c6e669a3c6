/* Inside the bfloat16 attention kernels: which keys each block of queries sees. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_BF16_ROWS_H
#define AUTOGRAD_KERNELS_ATTENTION_BF16_ROWS_H

#include "autograd/kernels/attention_bf16_block.h"

enum {
    BLOCKS = 8,              /* of 32 rows in a stretch */
    STRETCH = BLOCKS * SIDE, /* of keys in forward, and of queries and keys in backward */
};

typedef struct Queries {
    int64_t row, count, head;
    int32_t first[SIDE], end[SIDE]; /* the keys that each row sees, */
    int32_t sinks[SIDE];            /* and [0, sinks) */
    int64_t most_sinks;
    Interval all, common; /* keys that at least one row sees; that all rows see */
    uint32_t present;     /* rows that see a key; the others are read as zeros */
} Queries;

static int64_t blocks_of(int64_t count)
{
    return (count + SIDE - 1) / SIDE;
}

static Interval join(Interval a, Interval b)
{
    if (b.first >= b.end) return a;
    if (a.first >= a.end) return b;
    return (Interval){a.first < b.first ? a.first : b.first, a.end > b.end ? a.end : b.end};
}

static Queries queries_at(const AttentionUnit *u, int64_t head, int64_t row)
{
    Queries q = {.row = row, .head = head, .common = {0, INT32_MAX}};
    q.count = u->queries - row < SIDE ? u->queries - row : SIDE;
    for (int64_t i = 0; i < q.count; i++) {
        const Interval x = seen(u, row + i);
        q.first[i] = (int32_t)x.first;
        q.end[i] = (int32_t)x.end;
        q.sinks[i] = (int32_t)sinks_of(u, x);
        if (q.sinks[i] > q.most_sinks) q.most_sinks = q.sinks[i];
        q.all = join(q.all, x);
        if (x.first > q.common.first) q.common.first = x.first;
        if (x.end < q.common.end) q.common.end = x.end;
        if (x.first < x.end)
            q.present |= 1u << i;
        else
            q.common.end = 0;
    }
    return q;
}

static bool all_see(const Queries *q, int64_t key)
{
    return q->common.first <= key && key + SIDE <= q->common.end;
}

/* The first block of keys that a row sees. */
static int64_t first_block(const Queries *q)
{
    return q->most_sinks ? 0 : q->all.first / SIDE;
}

/* The blocks of keys from the first to the last that a row sees, of those in [from, stop). */
static Interval blocks_in(const Queries *q, int64_t from, int64_t stop)
{
    const int64_t first = q->all.first / SIDE, end = blocks_of(q->all.end),
                  sinks = blocks_of(q->most_sinks);
    const Interval x = {first > from ? first : from, end < stop ? end : stop};
    if (!sinks) return x;
    return join(x, (Interval){from, sinks < stop ? sinks : stop});
}

/* The keys that at least one row of the unit sees; the others may be garbage. */
static Interval seen_at_all(const AttentionUnit *u)
{
    Interval all = {0};
    if (!u->first) return (Interval){0, u->keys};
    for (int64_t i = 0; i < u->queries; i++) all = join(all, seen(u, i));
    if (u->sinks) all.first = 0;
    return all;
}

/* For 32 rows from `row` on: a bit for each row in x. */
static uint32_t inside(Interval x, int64_t row)
{
    uint32_t bits = 0;
    for (int i = 0; i < SIDE; i++) bits |= (uint32_t)(row + i >= x.first && row + i < x.end) << i;
    return bits;
}

#endif

#include "data/tokenizers/merge.h"

#include <string.h>

/* Up to SHORT tokens are searched from end to end for the lowest rank; more wait in a heap. */
enum { SHORT = 48, NO_RANK = INT32_MAX };

typedef struct Next {
    int32_t rank, token; /* of a token and its right neighbour */
} Next;

Status merges_open(Merges *m, Arena *a, int64_t count)
{
    *m = (Merges){.room = 16, .expected = count};
    while (m->room < 2 * count) m->room *= 2;
    m->slots = arena_take(a, m->room * (int64_t)sizeof *m->slots);
    if (!m->slots) return FAIL(E_NOMEM, "%lld merges", (long long)count);
    for (int64_t i = 0; i < m->room; i++) m->slots[i] = (Merge){.token = -1};
    return OK;
}

static Merge *slot(const Merges *m, uint64_t pair)
{
    const uint64_t mask = (uint64_t)m->room - 1;
    for (uint64_t i = (pair * 0x9E3779B97F4A7C15u) >> 20;; i++) {
        Merge *s = &m->slots[i & mask];
        if (s->pair == pair || s->token < 0) return s;
    }
}

void merges_add(Merges *m, int32_t left, int32_t right, int32_t rank, int32_t token)
{
    const uint64_t pair = (uint64_t)left << 32 | (uint32_t)right;
    Merge *s = slot(m, pair);
    m->used += s->token < 0;
    INVARIANT(m->used <= m->expected);
    *s = (Merge){pair, rank, token};
}

static Next next_of(const Merges *m, int32_t left, int32_t right)
{
    const Merge *s = slot(m, (uint64_t)left << 32 | (uint32_t)right);
    return s->token < 0 ? (Next){NO_RANK, -1} : (Next){s->rank, s->token};
}

static int64_t apply_short(const Merges *m, int32_t *tokens, int64_t count)
{
    Next next[SHORT];
    for (int64_t i = 0; i + 1 < count; i++) next[i] = next_of(m, tokens[i], tokens[i + 1]);
    while (count > 1) {
        int64_t best = 0;
        for (int64_t i = 1; i + 1 < count; i++)
            if (next[i].rank < next[best].rank) best = i;
        if (next[best].rank == NO_RANK) break;
        tokens[best] = next[best].token;
        for (int64_t i = best + 1; i + 1 < count; i++) {
            tokens[i] = tokens[i + 1];
            next[i] = next[i + 1]; /* the last entry is never read */
        }
        count--;
        if (best + 1 < count) next[best] = next_of(m, tokens[best], tokens[best + 1]);
        if (best > 0) next[best - 1] = next_of(m, tokens[best - 1], tokens[best]);
    }
    return count;
}

/* A heap of (rank, index), lowest first; entries may be outdated. */
typedef struct Heap {
    uint64_t *items;
    int64_t count;
} Heap;

static void push(Heap *h, int32_t rank, int64_t place)
{
    const uint64_t item = (uint64_t)rank << 32 | (uint64_t)place;
    int64_t i = h->count++;
    for (; i > 0 && h->items[(i - 1) / 2] > item; i = (i - 1) / 2)
        h->items[i] = h->items[(i - 1) / 2];
    h->items[i] = item;
}

static uint64_t pop(Heap *h)
{
    const uint64_t top = h->items[0], item = h->items[--h->count];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->items[child + 1] < h->items[child]) child++;
        if (h->items[child] >= item) break;
        h->items[i] = h->items[child];
    }
    h->items[i] = item;
    return top;
}

/* Tokens are linked by before and after; a token that was merged into its left neighbour is -1.
 * Each merge adds at most two items to the heap, so 3 x count suffice. */
static int64_t apply_long(const Merges *m, Arena *a, int32_t *tokens, int64_t count)
{
    const int64_t size = (int64_t)sizeof(int32_t);
    int32_t *before = arena_take(a, count * size), *after = arena_take(a, count * size);
    Next *next = arena_take(a, count * (int64_t)sizeof *next);
    Heap h = {arena_take(a, 3 * count * (int64_t)sizeof *h.items), 0};
    if (!before || !after || !next || !h.items) return -1;

    for (int64_t i = 0; i < count; i++) {
        before[i] = (int32_t)(i - 1);
        after[i] = (int32_t)(i + 1);
        next[i] = i + 1 < count ? next_of(m, tokens[i], tokens[i + 1]) : (Next){NO_RANK, -1};
        if (next[i].rank != NO_RANK) push(&h, next[i].rank, i);
    }
    while (h.count) {
        const uint64_t top = pop(&h);
        const int64_t i = (int64_t)(top & 0xFFFFFFFF);
        if (tokens[i] < 0 || next[i].rank != (int32_t)(top >> 32)) continue;
        const int64_t gone = after[i], right = after[gone], left = before[i];
        tokens[i] = next[i].token;
        tokens[gone] = -1;
        after[i] = (int32_t)right;
        next[i] = (Next){NO_RANK, -1};
        if (right < count) {
            before[right] = (int32_t)i;
            next[i] = next_of(m, tokens[i], tokens[right]);
            if (next[i].rank != NO_RANK) push(&h, next[i].rank, i);
        }
        if (left >= 0) {
            next[left] = next_of(m, tokens[left], tokens[i]);
            if (next[left].rank != NO_RANK) push(&h, next[left].rank, left);
        }
    }
    int64_t used = 0;
    for (int64_t i = 0; i < count; i++)
        if (tokens[i] >= 0) tokens[used++] = tokens[i];
    return used;
}

Status merges_apply(const Merges *m, int32_t *tokens, int64_t *count)
{
    if (*count <= SHORT) {
        *count = apply_short(m, tokens, *count);
        return OK;
    }
    if (*count >= INT32_MAX)
        return FAIL(E_ARG, "a word of %lld bytes is too long", (long long)*count);
    Arena a = {0};
    const int64_t left = apply_long(m, &a, tokens, *count);
    arena_free(&a);
    if (left < 0) return FAIL(E_NOMEM, "a word of %lld bytes", (long long)*count);
    *count = left;
    return OK;
}

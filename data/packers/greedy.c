/* Greedy, with a bounded number of open packs: each document goes, in order, into the open pack
 * with the least room that it fits into, of equals the oldest; otherwise into a new pack, and
 * the fullest one is closed if too many are open. */
#include "data/packers/packers.h"

static void shut(Greedy *g, int i)
{
    if (g->packing) packing_count(g->packing, 1, g->documents[i], g->capacity - g->room[i]);
    g->count--;
    for (; i < g->count; i++) { /* keeps the oldest first */
        g->room[i] = g->room[i + 1];
        g->documents[i] = g->documents[i + 1];
        g->number[i] = g->number[i + 1];
    }
}

int64_t greedy_put(Greedy *g, int64_t length)
{
    int best = -1, fullest = 0;
    for (int i = 0; i < g->count; i++) {
        if (g->room[i] >= length && (best < 0 || g->room[i] < g->room[best])) best = i;
        if (g->room[i] < g->room[fullest]) fullest = i;
    }
    if (best < 0) {
        if (g->count == GREEDY_OPEN) shut(g, fullest);
        best = g->count++;
        g->room[best] = (int32_t)g->capacity;
        g->documents[best] = 0;
        g->number[best] = g->packs++;
    }
    const int64_t number = g->number[best];
    g->room[best] -= (int32_t)length;
    g->documents[best]++;
    if (!g->room[best] || g->documents[best] >= g->depth) shut(g, best);
    return number;
}

void greedy_finish(Greedy *g)
{
    while (g->count) shut(g, 0);
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A histogram has no order, so this makes one: it takes the sorted documents in golden-ratio
 * steps around a circle, so that any stretch of them is like the whole. */
Status packer_greedy(const Lengths *l, Packing *p)
{
    Greedy g = {.capacity = l->capacity, .depth = l->depth, .packing = p};
    Arena a = {0};
    int64_t *ends = arena_take(&a, (l->capacity + 1) * (int64_t)sizeof *ends), total = 0, at = 0;
    if (!ends) return FAIL(E_NOMEM, "packing");
    for (int64_t w = 0; w <= l->capacity; w++) ends[w] = total += w ? l->counts[w] : 0;
    int64_t step = (int64_t)((double)total * 0.6180339887498949);
    while (total > 1 && gcd(step, total) != 1) step++;
    for (int64_t i = 0; i < total; i++) {
        int64_t low = 1, high = l->capacity; /* the first length whose documents end after at */
        while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (ends[middle] > at)
                high = middle;
            else
                low = middle + 1;
        }
        greedy_put(&g, low);
        at = (at + step) % total;
    }
    greedy_finish(&g);
    arena_free(&a);
    return OK;
}

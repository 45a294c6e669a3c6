#include "data/packers/knapsack.h"

#include <string.h>

int64_t knapsack_layers(int64_t capacity, int64_t depth, int64_t shortest)
{
    return depth < capacity / shortest ? depth : 1;
}

double knapsack_work(int64_t capacity, int64_t layers)
{
    return (double)layers * (double)capacity * (double)capacity / 2;
}

Status knapsack_init(Knapsack *k, int64_t capacity, int64_t layers, Arena *a)
{
    const int64_t slots = capacity + 1, size = (int64_t)sizeof(double);
    *k = (Knapsack){.capacity = capacity, .layers = layers};
    k->worth = arena_take(a, slots * size);
    k->best = arena_take(a, (layers + 1) * slots * size);
    return k->worth && k->best ? OK : FAIL(E_NOMEM, "packing of %lld slots", (long long)capacity);
}

/* to[w] = max(to[w], base + worth[w]) */
static void raise(double *restrict to, const double *restrict worth, double base, int64_t count)
{
    for (int64_t w = 0; w < count; w++) {
        const double sum = base + worth[w];
        to[w] = sum > to[w] ? sum : to[w];
    }
}

double knapsack_fill(Knapsack *k)
{
    const int64_t slots = k->capacity + 1;
    memset(k->best, 0, (size_t)slots * sizeof *k->best);
    for (int64_t layer = 0; layer < k->layers; layer++) {
        const double *from = k->best + layer * slots;
        double *to = k->best + (k->layers == 1 ? 0 : layer + 1) * slots;
        if (to != from) memcpy(to, from, (size_t)slots * sizeof *to);
        for (int64_t c = 0; c < k->capacity; c++)
            raise(to + c + 1, k->worth + 1, from[c], k->capacity - c);
    }
    return k->best[(k->layers == 1 ? 0 : k->layers) * slots + k->capacity];
}

static int by_length(const PackPart *parts, int64_t count, int64_t length)
{
    for (int64_t i = 0; i < count; i++)
        if (parts[i].length == length) return (int)i;
    return -1;
}

int64_t knapsack_best_with(const Knapsack *k, int64_t length, PackPart *parts)
{
    const int64_t slots = k->capacity + 1;
    int64_t room = k->capacity - length, layer = k->layers == 1 ? 0 : k->layers - 1, count = 0;
    parts[count++] = (PackPart){(int32_t)length, 1};
    for (;;) {
        const double *from = k->best + (layer && k->layers > 1 ? layer - 1 : 0) * slots;
        const double value = k->best[layer * slots + room];
        int64_t w = 1;
        if (!(value > 0) || (k->layers > 1 && !layer)) return count;
        if (layer && from[room] == value) { /* as good with one document less */
            layer--;
            continue;
        }
        while (w <= room && from[room - w] + k->worth[w] != value) w++;
        if (w > room) return count;
        const int at = by_length(parts, count, w);
        if (at < 0)
            parts[count++] = (PackPart){(int32_t)w, 1};
        else
            parts[at].times++;
        room -= w;
        layer -= layer > 0;
    }
}

#include "data/packers/classes.h"

#include <math.h>

#include "data/packers/knapsack.h"

static int64_t shortest_of(const Lengths *l)
{
    int64_t w = 1;
    while (w < l->capacity && !l->counts[w]) w++;
    return w;
}

static int64_t layers_of(const Lengths *l, int64_t unit, int64_t shortest)
{
    return knapsack_layers(l->capacity / unit, l->depth, (shortest + unit - 1) / unit);
}

int64_t classes_unit(const Lengths *l, double work)
{
    const int64_t shortest = shortest_of(l);
    int64_t unit = 1;
    while (unit < l->capacity &&
           knapsack_work(l->capacity / unit, layers_of(l, unit, shortest)) > work)
        unit++;
    return unit;
}

static int64_t units_of(const Classes *c, int64_t length)
{
    return (length + c->unit - 1) / c->unit;
}

/* Merges neighbours, from the longest on, `each` lengths in a class. */
static void merge(Classes *c, int64_t *counts, int64_t each)
{
    int64_t class = 0, left = 0;
    for (int64_t w = c->lengths.capacity; w > 0; w--) {
        if (!counts[w]) continue;
        if (!left--) {
            class = w;
            left = each - 1;
            c->count++;
            continue;
        }
        counts[class] += counts[w];
        counts[w] = 0;
    }
    if (each > 1) c->is_exact = false;
}

Status classes_make(Classes *c, const Lengths *l, int64_t most, int64_t unit, Arena *a)
{
    *c = (Classes){.documents = l, .unit = unit, .layers = layers_of(l, unit, shortest_of(l))};
    const int64_t units = l->capacity / unit;
    int64_t *counts = arena_zero(a, (units + 1) * (int64_t)sizeof *counts), lengths = 0;
    c->slots = arena_zero(a, (units + 1) * (int64_t)sizeof *c->slots);
    if (!counts || !c->slots) return FAIL(E_NOMEM, "classes of lengths");
    for (int64_t w = 1; w <= l->capacity; w++) {
        const int64_t to = units_of(c, w);
        if (!l->counts[w] || to > units) continue;
        lengths += !counts[to];
        counts[to] += l->counts[w];
        c->slots[to] = w;
    }
    c->is_exact = c->unit == 1;
    c->lengths = (Lengths){units, l->depth, counts};
    merge(c, counts, (lengths + most - 1) / most);
    return OK;
}

/* Spreads the prices of classes over the lengths of documents. */
static void interpolate(const Classes *c, const double *price, double *of)
{
    const int64_t capacity = c->documents->capacity;
    int64_t below = 0, at = c->count; /* the class at or above a length; the one before it */
    double least = 0;
    int64_t w = 1;
    for (int64_t u = 1; u <= c->lengths.capacity; u++) {
        if (!c->lengths.counts[u]) continue;
        const int64_t above = c->slots[u];
        const double most = price[--at];
        for (; w <= above; w++)
            of[w] = least + (most - least) * (double)(w - below) / (double)(above - below);
        below = above;
        least = most;
    }
    for (; w <= capacity; w++) of[w] = least;
}

Status classes_bound(const Classes *c, const double *price, Arena *a, double *bound)
{
    const Lengths *l = c->documents;
    Knapsack k;
    double *of = arena_take(a, (l->capacity + 1) * (int64_t)sizeof *of), sum = 0;
    if (!of) return FAIL(E_NOMEM, "prices of lengths");
    TRY(knapsack_init(&k, l->capacity / c->unit, c->layers, a));
    interpolate(c, price, of);
    for (int64_t u = 0; u <= k.capacity; u++) k.worth[u] = -INFINITY;
    for (int64_t w = c->unit; w <= l->capacity; w++) {
        if (!l->counts[w]) continue;
        double *worth = &k.worth[w / c->unit]; /* rounded down: what fits still fits */
        *worth = fmax(*worth, of[w]);
        sum += of[w] * (double)l->counts[w];
    }
    const double most = knapsack_fill(&k);
    *bound = most > 0 ? sum / most : 0;
    return OK;
}

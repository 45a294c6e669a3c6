#include "train/monitor/window.h"

#include <math.h>
#include <string.h>

Status window_open(Window *w, Arena *a, int64_t size)
{
    *w = (Window){.size = size};
    w->ring = arena_take(a, size * (int64_t)sizeof *w->ring);
    w->sorted = arena_take(a, size * (int64_t)sizeof *w->sorted);
    if (!w->ring || !w->sorted) return FAIL(E_NOMEM, "a window of %lld values", (long long)size);
    return OK;
}

void window_clear(Window *w)
{
    w->count = w->next = 0;
}

/* The number of values below x. */
static int64_t rank_of(const Window *w, double x)
{
    int64_t low = 0, high = w->count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (w->sorted[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void window_push(Window *w, double x)
{
    INVARIANT(isfinite(x));
    if (w->count == w->size) {
        const int64_t oldest = rank_of(w, w->ring[w->next]);
        w->count--;
        memmove(w->sorted + oldest, w->sorted + oldest + 1,
                (size_t)(w->count - oldest) * sizeof *w->sorted);
    }
    const int64_t rank = rank_of(w, x);
    memmove(w->sorted + rank + 1, w->sorted + rank, (size_t)(w->count - rank) * sizeof *w->sorted);
    w->sorted[rank] = x;
    w->count++;
    w->ring[w->next] = x;
    w->next = (w->next + 1) % w->size;
}

double window_at(const Window *w, int64_t i)
{
    INVARIANT(i >= 0 && i < w->count);
    return w->ring[(w->next + w->size - w->count + i) % w->size];
}

/* Adds halves: the sum of two huge values could overflow. */
static double between(double a, double b)
{
    return a == b ? a : a / 2 + b / 2;
}

double window_median(const Window *w)
{
    if (!w->count) return NAN;
    return between(w->sorted[(w->count - 1) / 2], w->sorted[w->count / 2]);
}

/* Deviations increase away from the center on both sides: merges the two lists up to the median. */
double window_deviation(const Window *w, double center)
{
    if (!w->count) return NAN;
    int64_t above = rank_of(w, center), below = above - 1;
    double last = 0, before = 0;
    for (int64_t i = 0; i <= w->count / 2; i++) {
        const double left = below >= 0 ? center - w->sorted[below] : INFINITY,
                     right = above < w->count ? w->sorted[above] - center : INFINITY;
        before = last;
        if (left < right) {
            last = left;
            below--;
        } else {
            last = right;
            above++;
        }
    }
    return w->count % 2 ? last : between(before, last);
}

Status tally_open(Tally *t, Arena *a, int64_t size)
{
    *t = (Tally){.size = size, .marks = arena_zero(a, size)};
    return t->marks ? OK : FAIL(E_NOMEM, "a tally of %lld", (long long)size);
}

void tally_clear(Tally *t)
{
    t->count = t->next = t->marked = 0;
}

void tally_add(Tally *t, bool marked)
{
    if (t->count == t->size)
        t->marked -= t->marks[t->next];
    else
        t->count++;
    t->marks[t->next] = marked;
    t->marked += marked;
    t->next = (t->next + 1) % t->size;
}

bool tally_at(const Tally *t, int64_t i)
{
    INVARIANT(i >= 0 && i < t->count);
    return t->marks[(t->next + t->size - t->count + i) % t->size];
}

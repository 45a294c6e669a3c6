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

/* How many are below x. */
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
        const int64_t gone = rank_of(w, w->ring[w->next]);
        w->count--;
        memmove(w->sorted + gone, w->sorted + gone + 1,
                (size_t)(w->count - gone) * sizeof *w->sorted);
    }
    const int64_t place = rank_of(w, x);
    memmove(w->sorted + place + 1, w->sorted + place,
            (size_t)(w->count - place) * sizeof *w->sorted);
    w->sorted[place] = x;
    w->count++;
    w->ring[w->next] = x;
    w->next = (w->next + 1) % w->size;
}

double window_at(const Window *w, int64_t i)
{
    INVARIANT(i >= 0 && i < w->count);
    return w->ring[(w->next + w->size - w->count + i) % w->size];
}

/* Halves are added, not their sum halved: two huge values have a middle, too. */
static double between(double a, double b)
{
    return a == b ? a : a / 2 + b / 2;
}

double window_median(const Window *w)
{
    if (!w->count) return NAN;
    return between(w->sorted[(w->count - 1) / 2], w->sorted[w->count / 2]);
}

/* Deviations rise away from the middle on both sides: they are merged up to their median. */
double window_deviation(const Window *w, double middle)
{
    if (!w->count) return NAN;
    int64_t above = rank_of(w, middle), below = above - 1;
    double last = 0, before = 0;
    for (int64_t i = 0; i <= w->count / 2; i++) {
        const double left = below >= 0 ? middle - w->sorted[below] : INFINITY,
                     right = above < w->count ? w->sorted[above] - middle : INFINITY;
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

/* Sliding windows over the last values of a series: Window with an exact median, Tally with a count
 * of marks. */
#ifndef TRAIN_MONITOR_WINDOW_H
#define TRAIN_MONITOR_WINDOW_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

/* A new value shifts up to `size` numbers: for a few hundred that is cheaper than a tree. */
typedef struct Window {
    int64_t size, count;
    int64_t next;   /* index in ring of the next value: the oldest one's, once the window is full */
    double *ring;   /* [size] in the order of arrival */
    double *sorted; /* [count] */
} Window;

Status window_open(Window *w, Arena *a, int64_t size);
void window_clear(Window *w);

/* Adds a finite value and drops the oldest if the window is full. */
void window_push(Window *w, double x);

/* The i-th value from the oldest (0). */
double window_at(const Window *w, int64_t i);

/* The median; of an even number of values the mean of the middle two; NAN if there is none. */
double window_median(const Window *w);

/* The median of |x - center| over the window: the MAD (median absolute deviation) if center is the
 * median. */
double window_deviation(const Window *w, double center);

/* How many of the last `size` events were marked. */
typedef struct Tally {
    int64_t size, count, next, marked;
    unsigned char *marks; /* [size] */
} Tally;

Status tally_open(Tally *t, Arena *a, int64_t size);
void tally_clear(Tally *t);
void tally_add(Tally *t, bool marked);
bool tally_at(const Tally *t, int64_t i); /* the i-th from the oldest (0) */

#endif

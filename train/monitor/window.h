/* A window: the last values of a series, with their median, exactly.
 *
 * The median of an even number of values is the mean of the middle two. A new value costs a shift of up
 * to `size` numbers: for the hundreds that are in use that is less than what a tree would cost. */
#ifndef TRAIN_MONITOR_WINDOW_H
#define TRAIN_MONITOR_WINDOW_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Window {
    int64_t size, count;
    int64_t next;   /* where in ring the next value goes: on top of the oldest once it is full */
    double *ring;   /* [size] in the order they came */
    double *sorted; /* [count] */
} Window;

Status window_open(Window *w, Arena *a, int64_t size);
void window_clear(Window *w);

/* Adds a finite value; the oldest goes if the window is full. */
void window_push(Window *w, double x);

/* The i-th value from the oldest (0). */
double window_at(const Window *w, int64_t i);

double window_median(const Window *w); /* NAN if it is empty */

/* The median of |x - middle| over the window: the median absolute deviation, if middle is the median. */
double window_deviation(const Window *w, double middle);

#endif

/* An axis of a plot: where a number stands on it, and the ticks that tell. */
#ifndef TRAIN_PLOT_AXIS_H
#define TRAIN_PLOT_AXIS_H

#include <stdbool.h>

typedef struct PlotAxis {
    double min, max; /* min < max; both above 0 if it is logarithmic */
    bool is_log;
} PlotAxis;

enum { TICKS_MAX = 64, TICK_LABEL = 24 };

typedef struct Tick {
    double value;
    bool is_major; /* has a label; the others are thin lines of a logarithmic axis */
    char label[TICK_LABEL];
} Tick;

/* An axis that shows min to max with some air; any numbers, also equal ones or none (min > max). */
PlotAxis axis_make(double min, double max, bool is_log);

/* 0 at min, 1 at max, beyond them outside; NAN of what cannot be on it. And back. */
double axis_position(const PlotAxis *a, double x);
double axis_value(const PlotAxis *a, double place);

/* About `wanted` labelled ticks at round numbers, ascending; returns how many there are with those between. */
int axis_ticks(const PlotAxis *a, int wanted, Tick ticks[TICKS_MAX]);

/* A number as a tick or a table shows it: 0.0002 is 2e-4, 12000 is 12k, 12e6 12M, 1.2e9 as it is. digits: that
 * count at most. Returns out. */
char *axis_number(double x, int digits, char out[TICK_LABEL]);

#endif

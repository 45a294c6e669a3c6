/* An axis of a plot: the position of a number on it, and its ticks. */
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
    bool is_major; /* has a label; minor ticks are thin lines of a logarithmic axis */
    char label[TICK_LABEL];
} Tick;

/* An axis from min to max with a margin. Takes any numbers: equal ones, or none (min > max). */
PlotAxis axis_make(double min, double max, bool is_log);

/* 0 at min, 1 at max, extrapolated outside; NAN if x has no position. And the inverse. */
double axis_position(const PlotAxis *a, double x);
double axis_value(const PlotAxis *a, double position);

/* Fills in about `wanted` labelled ticks at round numbers, and the minor ticks between them,
 * ascending. Returns the number of both. */
int axis_ticks(const PlotAxis *a, int wanted, Tick ticks[TICKS_MAX]);

/* A number as a tick or a table shows it, with at most `digits` digits: 2e-4, 12k, 12M, 1.2e9.
 * Returns out. */
char *axis_number(double x, int digits, char out[TICK_LABEL]);

#endif

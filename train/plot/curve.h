/* Curves: points to the d of an SVG path, in hundredths of a pixel, each pair of numbers relative to the one
 * before; gaps begin anew with "m". At most four points a column of pixels (plot.h). */
#ifndef TRAIN_PLOT_CURVE_H
#define TRAIN_PLOT_CURVE_H

#include <stdint.h>
#include <stdio.h>

#include "train/plot/axis.h"

/* Where points go: [0, width] x [0, height] pixels, y downwards. */
typedef struct Canvas {
    PlotAxis x, y;
    int width, height;
} Canvas;

enum { CANVAS_UNIT = 100, CANVAS_MAX = 4000 };

/* Hundredths of a pixel; false if the point is on no place of the axes. */
bool canvas_position(const Canvas *c, double x, double y, long *u, long *v);

/* x ascending. */
void curve_line(const Canvas *c, const double *x, const double *y, int64_t count, FILE *out);

/* The area between low and high: of a column, from its least to its greatest. */
void curve_band(const Canvas *c, const double *x, const double *low, const double *high,
                int64_t count, FILE *out);

#endif

/* Writes points as the d attribute of an SVG path: coordinates in hundredths of a pixel, each
 * relative to the previous point; "m" starts again after a gap. At most four points per column of
 * pixels (plot.h). */
#ifndef TRAIN_PLOT_CURVE_H
#define TRAIN_PLOT_CURVE_H

#include <stdint.h>
#include <stdio.h>

#include "train/plot/axis.h"

/* The drawing area: [0, width] x [0, height] pixels, y downwards. */
typedef struct Canvas {
    PlotAxis x, y;
    int width, height;
} Canvas;

enum { CANVAS_UNIT = 100, CANVAS_MAX = 4000 };

/* Converts (x, y) to hundredths of a pixel; false if an axis has no position for it. */
bool canvas_position(const Canvas *c, double x, double y, long *u, long *v);

/* x ascending. */
void curve_line(const Canvas *c, const double *x, const double *y, int64_t count, FILE *out);

/* The area between low and high; a column of pixels spans its smallest low to its largest high. */
void curve_band(const Canvas *c, const double *x, const double *low, const double *high,
                int64_t count, FILE *out);

#endif

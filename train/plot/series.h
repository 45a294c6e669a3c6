/* Draws the series and marks of a plot, in hundredths of a pixel. Private to plot.c. */
#ifndef TRAIN_PLOT_SERIES_H
#define TRAIN_PLOT_SERIES_H

#include "train/plot/curve.h"
#include "train/plot/plot.h"

/* A plot being drawn. */
typedef struct Drawing {
    const Plot *plot;
    Canvas canvas;
    int width, height; /* with the axes */
    bool is_alone;     /* a standalone file: no links into the page */
    FILE *out;
} Drawing;

void draw_series(const Drawing *d, const PlotSeries *s);
void draw_marks(const Drawing *d);

/* The legend symbol of a series, 2200 x 1000. */
void draw_key(const Drawing *d, const PlotSeries *s);

#endif

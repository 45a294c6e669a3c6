/* What is on a plot: series and marks, in hundredths of a pixel. Only plot.c needs it. */
#ifndef TRAIN_PLOT_SERIES_H
#define TRAIN_PLOT_SERIES_H

#include "train/plot/curve.h"
#include "train/plot/plot.h"

/* A plot being drawn. */
typedef struct Drawing {
    const Plot *plot;
    Canvas canvas;
    int width, height; /* with the axes */
    bool is_alone;     /* a file of its own, where links lead nowhere */
    FILE *out;
} Drawing;

void draw_series(const Drawing *d, const PlotSeries *s);
void draw_marks(const Drawing *d);

/* What a series looks like, in 2200 x 1000. */
void draw_key(const Drawing *d, const PlotSeries *s);

#endif

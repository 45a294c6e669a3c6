/* A fit as a plot: what the law says over compute, with its interval, and the points. */
#ifndef TRAIN_SCALING_FIT_PLOT_H
#define TRAIN_SCALING_FIT_PLOT_H

#include "train/plot/plot.h"
#include "train/scaling/fit_show.h"

/* The least loss by compute, from the least that was spent to ten times the most, of approaches the best params:
 * fills its interval and itself. Returns how many series: 0 if the law does not say, or memory is out. */
int fit_plot_law(const FitResult *f, Arena *arena, PlotSeries out[2]);

/* An SVG file. E_IO, E_NOMEM. */
Status fit_plot_save(const FitReport *r, Arena *arena, const char *path);

#endif

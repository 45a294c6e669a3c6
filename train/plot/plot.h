/* Plots as SVG, in a page or as a standalone file; they follow the reader's light or dark mode.
 *
 * The eight colours are safe for colour-blind readers (after Okabe and Ito 2008); from the ninth
 * series on, dashes distinguish them. Of the points of a line in one column of pixels, only the
 * first, lowest, highest and last are drawn (M4, Jugel et al. 2014, doi:10.14778/2732951.2732953):
 * the picture is the same as if all were. Numbers that are not finite, or not positive on a
 * logarithmic axis, are gaps. Equal plots give equal bytes. */
#ifndef TRAIN_PLOT_PLOT_H
#define TRAIN_PLOT_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "autograd/base/error.h"

typedef enum PlotKind { PLOT_LINE, PLOT_POINTS, PLOT_LINE_POINTS, PLOT_BAND } PlotKind;

enum { PLOT_BY_POSITION = 0, PLOT_COLORS = 8, PLOT_INK = -1 };

/* All pointers are borrowed; 0 and NULL are the defaults. */
typedef struct PlotSeries {
    PlotKind kind;
    const char *name;         /* in the legend and with hover values; NULL: in neither */
    const double *x;          /* [count], ascending unless kind is PLOT_POINTS */
    const double *y;          /* [count]; not of a band */
    const double *low, *high; /* [count]: the edges of a band; else error bars, or NULL */
    int64_t count;
    int color; /* 1 to any number; PLOT_INK; PLOT_BY_POSITION: 1 for the first series ... */
    bool is_faint, is_dashed,
        is_hollow;            /* hollow: points of less weight, such as those outside a fit */
    const char *const *texts; /* [count]: tooltips of the points; NULL: their numbers */
} PlotSeries;

/* An event at x: a vertical line. */
typedef struct PlotMark {
    double x;
    const char *text; /* tooltip */
    const char *href; /* "#spike-3"; NULL: none */
} PlotMark;

typedef struct Plot {
    const char *title, *x_label, *y_label;
    bool x_log, y_log;
    double x_min, x_max, y_min, y_max; /* min == max: the range of the data */
    bool from_zero;                    /* the y axis begins at 0 */
    const PlotSeries *series;
    int64_t series_count;
    const PlotMark *marks;
    int64_t mark_count;
    int width, height; /* 0: 640 and 300 */
} Plot;

/* Writes a <figure> for a page, which needs the style and script of train/plot/html.h. Without
 * JavaScript only the hover values are missing. The caller checks `out` for errors. */
void plot_figure(const Plot *p, FILE *out);

/* Writes a standalone SVG file that includes its style. E_IO. */
Status plot_save(const Plot *p, const char *path);

/* Whether a logarithmic axis suits x: all numbers are above 0 and the largest is more than `factor`
 * times the smallest. */
bool plot_wants_log(const double *x, int64_t count, double factor);

#endif

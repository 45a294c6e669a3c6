/* A curve on a terminal, of Braille characters: 2 x 4 dots each. */
#ifndef TRAIN_PLOT_SPARKLINE_H
#define TRAIN_PLOT_SPARKLINE_H

#include <stdint.h>
#include <stdio.h>

enum { SPARKLINE_WIDTH_MAX = 400, SPARKLINE_ROWS_MAX = 50 };

/* Prints y, evenly spread over `width` characters, on `rows` rows of text, each after `indent`. The
 * maximum follows the top row, the minimum the last one. A column of dots that covers several
 * numbers spans their range; numbers that are not finite are gaps. Prints nothing if no number is
 * finite. */
void sparkline_print(const char *indent, const double *y, int64_t count, int width, int rows,
                     FILE *out);

#endif

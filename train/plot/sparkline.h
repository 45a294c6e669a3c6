/* A curve on a terminal, of Braille characters: 2 x 4 dots each. */
#ifndef TRAIN_PLOT_SPARKLINE_H
#define TRAIN_PLOT_SPARKLINE_H

#include <stdint.h>
#include <stdio.h>

enum { SPARKLINE_WIDTH_MAX = 400, SPARKLINE_ROWS_MAX = 50 };

/* Prints y, evenly spread over `width` characters, on so many rows of text, each begun by indent; behind the
 * top row the largest number, behind the last the smallest. A column of dots that stands for several numbers
 * shows from the least to the greatest; numbers that are not finite are gaps. Nothing if no number is finite. */
void sparkline_print(const char *indent, const double *y, int64_t count, int width, int rows,
                     FILE *out);

#endif

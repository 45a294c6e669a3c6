/* Lengths: how many documents there are of each, cut to the capacity of a pack.
 *
 * A document longer than the capacity is cut into full windows and a rest, which is packed like any
 * other: nothing is lost. So a cut document is several pieces; the others are one. */
#ifndef DATA_LENGTHS_H
#define DATA_LENGTHS_H

#include "data/dataset.h"
#include "data/packing.h"

typedef struct LengthCounts {
    int64_t capacity;
    int64_t *counts;   /* [capacity + 1]: pieces of each length */
    int64_t documents; /* with a token in them */
    int64_t empty;     /* without */
    int64_t tokens, pieces;
    int64_t cut;     /* documents that are cut */
    int64_t longest; /* document */
    double squares; /* sum of squared lengths of pieces: what attention inside documents looks at */
} LengthCounts;

/* All zero, counts in a. */
Status lengths_init(LengthCounts *l, Arena *a, int64_t capacity);

/* `times` documents of a length more. */
void lengths_add(LengthCounts *l, int64_t length, int64_t times);

/* l: as lengths_init() left it. E_DATA, naming line and file, unless path is a CSV with the header
 * "length,count" and two whole numbers a line. */
Status lengths_read(LengthCounts *l, const char *path);
void lengths_of_split(LengthCounts *l, const Split *s);

#endif

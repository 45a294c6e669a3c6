/* A histogram of document lengths, with long documents cut to the capacity of a pack.
 *
 * A document longer than the capacity becomes several chunks: full ones and a rest. Any other
 * document is one chunk. Nothing is dropped. */
#ifndef DATA_LENGTHS_H
#define DATA_LENGTHS_H

#include "data/dataset.h"
#include "data/packing.h"

typedef struct LengthCounts {
    int64_t capacity;
    int64_t *counts;   /* [capacity + 1]: chunks of each length */
    int64_t documents; /* with at least one token */
    int64_t empty;     /* documents without tokens */
    int64_t tokens, chunks;
    int64_t cut;     /* documents of several chunks */
    int64_t longest; /* tokens of the longest document */
    double squares;  /* sum of squared chunk lengths: the cost of attention inside documents */
} LengthCounts;

/* Clears l and allocates counts in a. */
Status lengths_init(LengthCounts *l, Arena *a, int64_t capacity);

/* Adds `times` documents of a length. */
void lengths_add(LengthCounts *l, int64_t length, int64_t times);

/* Adds the histogram in a CSV file with the header "length,count" to an empty l. E_DATA names
 * the file and the line that is malformed. */
Status lengths_read(LengthCounts *l, const char *path);
void lengths_of_split(LengthCounts *l, const Split *s);

#endif

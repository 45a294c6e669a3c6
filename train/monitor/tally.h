/* A tally: how many of the last so many were marked. */
#ifndef TRAIN_MONITOR_TALLY_H
#define TRAIN_MONITOR_TALLY_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Tally {
    int64_t size, count, next, marked;
    unsigned char *marks; /* [size] */
} Tally;

Status tally_open(Tally *t, Arena *a, int64_t size);
void tally_clear(Tally *t);
void tally_add(Tally *t, bool marked);
bool tally_at(const Tally *t, int64_t i); /* the i-th from the oldest (0) */

#endif

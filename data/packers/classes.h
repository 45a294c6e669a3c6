/* Classes of lengths: what column generation can price when there are too many lengths, or too
 * many slots.
 *
 * The documents of a class are priced as if all were as long as its longest, so that a packing
 * of classes is one of documents (linear grouping, Fernandez de la Vega & Lueker 1981). A class
 * holds neighbouring lengths; its length is rounded up to units, of which a pack has at most
 * some thousands. With few lengths and few slots each length is a class of its own, and a unit
 * is a slot. */
#ifndef DATA_PACKERS_CLASSES_H
#define DATA_PACKERS_CLASSES_H

#include "data/packing.h"

typedef struct Classes {
    const Lengths *documents; /* borrowed */
    Lengths lengths;          /* of the classes, in units */
    int64_t count;            /* classes */
    int64_t *slots;           /* [lengths.capacity + 1]: the longest document of the class with
                               * that length */
    int64_t unit;             /* slots */
    int64_t layers;           /* of the knapsack over units */
    bool is_exact;            /* each length is a class, and a unit is a slot */
} Classes;

/* The smallest unit at which filling the knapsack takes at most `work` additions. */
int64_t classes_unit(const Lengths *l, double work);

/* At most `most` classes. Lengths that do not fit when rounded up to units are in no class. */
Status classes_make(Classes *c, const Lengths *l, int64_t most, int64_t unit, Arena *a);

/* A lower bound of the number of packs for all documents of c (Farley 1990): prices at which no
 * pack is worth more than one pack cannot ask for more packs than any packing has. price:
 * [c->count], of the classes, the longest first; between the lengths of classes, prices are
 * interpolated. */
Status classes_bound(const Classes *c, const double *price, Arena *a, double *bound);

#endif

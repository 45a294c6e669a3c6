/* Column generation (Gilmore & Gomory 1961): how many packs of each pattern a packing would take, if
 * packs could be cut into fractions.
 *
 * A linear program with a row a length and a column a pattern, minimising packs, solved by the revised
 * simplex method with a dense inverse: O(rows^2) a pivot. Patterns are found as they are needed: with
 * the prices of lengths that a basis implies, a knapsack's best content is the pattern to add; when none
 * is worth more than a pack, there is nothing left to gain. */
#ifndef DATA_PACKERS_COLUMNS_H
#define DATA_PACKERS_COLUMNS_H

#include "data/packing.h"

typedef struct Column {
    double packs;          /* of this pattern: may be a fraction */
    const PackPart *parts; /* count of them; none: the column stands for documents left over */
    int64_t count;
} Column;

/* One column a length that there is. Allocates in a. Stops after `work` multiplications at a solution
 * that is right but not the best; if that is too few for even a start, *count is 0. */
Status columns_solve(const Lengths *l, double work, Arena *a, Column **columns, int64_t *count);

#endif

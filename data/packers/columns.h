/* Column generation (Gilmore & Gomory 1961): how many packs of each pattern the best packing
 * takes, if fractions of packs are allowed.
 *
 * A linear program with a row per length and a column per pattern minimises packs, by the
 * revised simplex method with a dense inverse: O(rows^2) per pivot. Patterns are generated as
 * needed: a basis implies a price for each length, and the best content of a knapsack at these
 * prices is the pattern to add. If none is worth more than a pack, the solution is optimal. */
#ifndef DATA_PACKERS_COLUMNS_H
#define DATA_PACKERS_COLUMNS_H

#include "data/packing.h"

typedef struct Column {
    double packs;          /* with this pattern: may be fractional */
    const PackPart *parts; /* [count]; count 0: a slack column */
    int64_t count;
} Column;

/* Returns one column per length that occurs, in a. Stops after `work` multiplications with a
 * feasible solution that is not optimal; *count is 0 if that was too little for a first
 * solution. */
Status columns_solve(const Lengths *l, double work, Arena *a, Column **columns, int64_t *count);

#endif

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

typedef struct Columns {
    const Column *columns; /* [count]: as many as lengths occur */
    int64_t count;
    const double *price; /* [count]: of the lengths that occur, the longest first, in packs;
                          * of all prices seen, those with the best lower bound */
} Columns;

/* Solves in a; layers: of the knapsack (knapsack.h). Stops after about `work` multiplications
 * with a feasible solution that is not optimal. */
Status columns_solve(const Lengths *l, int64_t layers, double work, Arena *a, Columns *c);

#endif

/* The knapsack of column generation: how much a pack can be worth if documents have prices.
 * Dynamic programming over slots, in one layer, or in a layer per document if packs may hold
 * few documents. */
#ifndef DATA_PACKERS_KNAPSACK_H
#define DATA_PACKERS_KNAPSACK_H

#include "data/packing.h"

typedef struct Knapsack {
    int64_t capacity, layers; /* layers: 1: packs of any depth */
    double *worth;            /* [capacity + 1]: price by length; -INFINITY: none */
    double *best;             /* [layers + 1, capacity + 1]: maximum worth of a pack by slots */
} Knapsack;

/* The layers that packs of at most `depth` documents need if none is shorter than `shortest`;
 * and the additions of knapsack_fill(). */
int64_t knapsack_layers(int64_t capacity, int64_t depth, int64_t shortest);
double knapsack_work(int64_t capacity, int64_t layers);

Status knapsack_init(Knapsack *k, int64_t capacity, int64_t layers, Arena *a);

/* Fills best from worth, and returns the worth of the best pack. */
double knapsack_fill(Knapsack *k);

/* Fills parts with `length` and the best content beside it; returns the number of parts. */
int64_t knapsack_best_with(const Knapsack *k, int64_t length, PackPart *parts);

#endif

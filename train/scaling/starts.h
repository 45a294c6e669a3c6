/* Where fits begin: the grid of a law. */
#ifndef TRAIN_SCALING_STARTS_H
#define TRAIN_SCALING_STARTS_H

#include "train/scaling/objective.h"

/* How many there are. Of the chinchilla law 4500, those of Hoffmann et al. 2022 (2203.15556, app. D.3): alpha
 * and beta in {0, 0.5, ..., 2}, log E in {-1, ..., 1}, log A and log B in {0, 5, ..., 25}. */
int64_t starts_count(LawKind law);

/* The which-th, centred. */
void starts_take(const Objective *o, int64_t which, double *theta);

#endif

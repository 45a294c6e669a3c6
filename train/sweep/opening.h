/* How a worker finds its store: made for the grid, or made before for the same one. */
#ifndef TRAIN_SWEEP_OPENING_H
#define TRAIN_SWEEP_OPENING_H

#include "train/sweep/runner.h"

/* Reads the store of the grid in s->folder, or makes it; with the lock. Sets back what is to be tried again.
 * E_CONFIG, with a diff: it was made for another grid. */
Status opening_store(const SweepOptions *o, Grid *g, const char *folder, Sweep *s);

/* Once all runs of the grid are over: adds those of sweep.best_seeds to grid and store; with the lock, s as
 * it is now. *added is how many there are of them. */
Status opening_seeds(Grid *g, Sweep *s, int64_t *added);

#endif

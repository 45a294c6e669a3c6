/* A step made again: of a run that kept nothing of it. */
#ifndef TRAIN_DIAGNOSE_RERUN_H
#define TRAIN_DIAGNOSE_RERUN_H

#include "train/diagnose/bundle.h"

/* Fills b with what a bundle of update `step` would have held, from the newest checkpoint or snapshot of
 * the run that is older: training is exactly reproducible, so the steps in between are made again. Nothing
 * is written. The config is in b's arena; data: another place of the dataset, or NULL. On a machine with
 * another OpenBLAS core type it is equal to rounding only.
 *
 * E_DATA: there is no checkpoint so old. E_ARG: the run is not so long, or has not come so far. b is to be closed in any case. */
Status again(const char *run, int64_t step, const char *data, char *argv[], Bundle *b,
             Config **config);

#endif

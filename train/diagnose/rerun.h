/* Rerun: repeats a step of a run that kept no bundle of it. */
#ifndef TRAIN_DIAGNOSE_RERUN_H
#define TRAIN_DIAGNOSE_RERUN_H

#include "train/diagnose/bundle.h"

/* Fills b as a bundle of step `step`. Training is exactly reproducible, so the steps since the
 * newest checkpoint or snapshot before `step` are repeated; nothing is written. The config is in
 * b's arena; data: another path of the dataset, or NULL. On a machine with another OpenBLAS core
 * type the numbers are equal up to rounding only.
 *
 * E_DATA: no checkpoint is old enough. E_ARG: the run has fewer steps, or has not reached `step`
 * yet. Close b in any case. */
Status rerun_step(const char *run, int64_t step, const char *data, char *argv[], Bundle *b,
                  Config **config);

#endif

/* What a run or a bundle was made with. */
#ifndef TRAIN_DIAGNOSE_BUNDLE_CONFIG_H
#define TRAIN_DIAGNOSE_BUNDLE_CONFIG_H

#include "train/checkpoint/checkpoints.h"
#include "train/diagnose/bundle.h"

/* The config in the bundle's at.h5, in the bundle's arena. If its numbers are of the other precision, goes
 * on in the other program (train/support/precision.h). data: another place of the dataset, or NULL. E_FORMAT. */
Status stored_config(Bundle *b, const char *data, char *argv[], Config **out);

/* The same of an open checkpoint, in a. */
Status stored_config_of(const CheckpointReader *r, Arena *a, const char *data, char *argv[],
                        Config **out);

#endif

/* train.init_from: a fresh run that starts from the parameters of a checkpoint, at step 0 and with
 * a new optimizer state. The model is the checkpoint's; what the config says about it may only be
 * the same, except for dropout, settings of RoPE and, without learned positions, context. */
#ifndef TRAIN_CHECKPOINT_INIT_FROM_H
#define TRAIN_CHECKPOINT_INIT_FROM_H

#include "data/dataset.h"
#include "train/checkpoint/checkpoint.h"

/* As config_load(), but if train.init_from is set, the section model is that of the checkpoint. */
Status init_from_config(Config *c, const char *path, int count, const char *const overrides[]);

/* The same for a config whose sources are read, but which is not resolved yet. Does nothing without
 * train.init_from. model: take the section from this one, of the run itself, which need no longer
 * have that file; NULL: from the checkpoint. E_CONFIG: names a setting that contradicts it. */
Status init_from_model(Config *c, const Config *model);

/* Fills the parameters. E_FORMAT: the dataset has another tokenizer, or the file is of another
 * precision. *step: the checkpoint's. */
Status init_from_load(const Config *c, const Dataset *d, Params *p, int64_t *step);

#endif

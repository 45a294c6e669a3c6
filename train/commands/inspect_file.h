/* What a file holds, told without trusting it: a checkpoint, a dataset, a sweep's store, a bundle, a raw
 * token file. HDF5 reads it in a guarded child (data/guard.h), and nothing is made of what it says. */
#ifndef TRAIN_COMMANDS_INSPECT_FILE_H
#define TRAIN_COMMANDS_INSPECT_FILE_H

#include <jansson.h>

#include "autograd/base/error.h"

/* *out, to be given up, describes the file at path, or the bundle that is the folder there:
 *   file, kind, bytes, sound; what its attributes say, by name; arrays (name, type, shape, bytes); config;
 *   tokenizer (kind, vocab_size, end_of_text); train and val (tokens, documents) of a dataset; at and before
 *   (two checkpoints) of a bundle.
 * E_DATA or E_FORMAT: it is damaged; sound is then false, fault says why, and what can be told of the rest
 * is. *out is NULL: it is none of these. E_ARG: a folder that is no bundle. E_NOMEM. */
Status inspect(const char *path, json_t **out);

#endif

/* Describes an untrusted file: a checkpoint, a dataset, a sweep's store, a bundle or a raw token
 * file. HDF5 reads it in a guarded child process (data/guard.h). */
#ifndef TRAIN_COMMANDS_INSPECT_FILE_H
#define TRAIN_COMMANDS_INSPECT_FILE_H

#include <jansson.h>

#include "autograd/base/error.h"

/* Describes the file at path, or the bundle in the folder path, as a JSON object in *out, which the
 * caller releases:
 *   file, kind, bytes, sound; the attributes by name; arrays (name, type, shape, bytes); config;
 *   tokenizer (kind, vocab_size, end_of_text); train and val (tokens, documents) of a dataset;
 *   at and before (two checkpoints) of a bundle.
 * E_DATA or E_FORMAT: the file is damaged; sound is then false, fault gives the reason, and all
 * that could be read is in *out. If *out is NULL it is none of these kinds. E_ARG: a folder that is
 * not a bundle. E_NOMEM. */
Status inspect(const char *path, json_t **out);

#endif

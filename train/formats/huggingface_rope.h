/* rope_scaling of config.json, an object; newer versions of transformers call it rope_parameters. */
#ifndef TRAIN_FORMATS_HUGGINGFACE_ROPE_H
#define TRAIN_FORMATS_HUGGINGFACE_ROPE_H

#include <jansson.h>
#include <stdbool.h>

#include "train/config/config.h"

/* The value of a row "rope_scaling" (its kind, "none", or what is not supported) or
 * "rope_scaling.KEY"; false: there is none. */
bool huggingface_rope(const json_t *config, const char *key, char *out, size_t size);

/* Adds the object; nothing without scaling. */
void huggingface_put_rope(json_t *config, const GptConfig *c);

#endif

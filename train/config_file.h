/* A config file: YAML with a section, a key and a scalar, and nothing of YAML that surprises. */
#ifndef TRAIN_CONFIG_FILE_H
#define TRAIN_CONFIG_FILE_H

#include "train/config.h"

/* Applies a file to c: first the file that it names as its `base`, then its own settings, with their
 * origins. E_CONFIG. */
Status config_file_read(Config *c, const char *path);

/* The same of a text, which must name no base. */
Status config_file_parse(Config *c, const char *text, size_t size, const char *name);

/* Stores one value and where it came from. `where` begins the message if it cannot be. */
Status config_set(Config *c, const char *section, const char *name, const char *value,
                  const char *where, const char *origin);

#endif

/* A config file and the files that it inherits from. */
#ifndef TRAIN_CONFIG_CONFIG_FILE_H
#define TRAIN_CONFIG_CONFIG_FILE_H

#include "train/config/config.h"
#include "train/config/yaml_tree.h"

/* Applies a file to c: first the file that it names as its `base`, then its own settings, with their
 * origins. sweep: takes the last section `sweep` of them; NULL: there must be none. E_CONFIG. */
Status config_file_read(Config *c, const char *path, ConfigTree *sweep);

/* The same of a text, which must name no base. */
Status config_file_parse(Config *c, const char *text, size_t size, const char *name);

#endif

/* A config's text: YAML with a section, a key and a scalar, and nothing of YAML that surprises: no anchors,
 * aliases, merge keys or tags (so nothing expands), no key twice, no second document. */
#ifndef TRAIN_CONFIG_YAML_H
#define TRAIN_CONFIG_YAML_H

#include <limits.h>

#include "train/config/config.h"
#include "train/config/yaml_tree.h"

/* What a text says its base is. */
typedef struct ConfigBase {
    char path[PATH_MAX];          /* "": it has none */
    char where[CONFIG_WHERE_MAX]; /* "a.yaml:1:7: " */
} ConfigBase;

/* Stores a text's settings in c, with where they stand as their origin, and what it says of a base. All
 * of it is checked even if c is NULL and only the base is wanted. A section `sweep` goes to the tree as it
 * is; NULL: it is refused. E_CONFIG. */
Status config_yaml_read(Config *c, ConfigBase *base, ConfigTree *sweep, const char *text,
                        size_t size, const char *name);

/* Stores one value and where it came from. `where` begins the message if it cannot be. */
Status config_set(Config *c, const char *section, const char *name, const char *value,
                  const char *where, const char *origin);

#endif

/* Settings from text: YAML with sections, keys and scalars, and nothing of YAML that surprises: no
 * anchors, aliases, merge keys or tags, no duplicate keys, one document. */
#ifndef TRAIN_CONFIG_YAML_H
#define TRAIN_CONFIG_YAML_H

#include <limits.h>

#include "train/config/config.h"
#include "train/config/yaml_events.h"

/* Who wrote a text: in a run's, names of version 0.1 are translated (train/config/renamed.h). */
typedef enum ConfigAuthor { CONFIG_BY_USER, CONFIG_BY_RUN } ConfigAuthor;

/* The base that a text names. */
typedef struct ConfigBase {
    char path[PATH_MAX];          /* "": none */
    char where[CONFIG_WHERE_MAX]; /* "a.yaml:1:7: " */
} ConfigBase;

/* Stores the settings of a text in c, with their positions as origins, and its base in *base. The
 * whole text is checked even if c is NULL and only the base is wanted. A section `sweep` goes to
 * the tree; NULL: it is an error. E_CONFIG. */
Status config_yaml_read(Config *c, ConfigBase *base, ConfigTree *sweep, ConfigAuthor by,
                        const char *text, size_t size, const char *name);

/* Reads a file into c: its base first, and so on, then its own settings. sweep: receives the last
 * section `sweep` among them; NULL: that section is an error. E_CONFIG. */
Status config_file_read(Config *c, const char *path, ConfigTree *sweep, ConfigAuthor by);

/* Stores one value and its origin. E_CONFIG: the message begins with `where`. */
Status config_set(Config *c, const char *section, const char *name, const char *value,
                  const char *where, const char *origin);

#endif

/* A part of a config as it stands there, where it is no list of settings: lists and maps within another. */
#ifndef TRAIN_CONFIG_YAML_TREE_H
#define TRAIN_CONFIG_YAML_TREE_H

#include "autograd/base/arena.h"
#include "train/config/yaml_events.h"

typedef enum ConfigNodeKind { NODE_SCALAR, NODE_LIST, NODE_MAP } ConfigNodeKind;

typedef struct ConfigNode ConfigNode;
struct ConfigNode {
    ConfigNodeKind kind;
    const char *key;          /* in a map; NULL: not in one */
    const char *text;         /* of a scalar */
    const char *where;        /* "a.yaml:3:5: " */
    ConfigNode *first, *next; /* what is in it; what follows it */
};

/* Texts and nodes are in the arena. */
typedef struct ConfigTree {
    Arena arena;
    ConfigNode *root; /* NULL: nothing was read */
} ConfigTree;

/* Reads what the event at hand begins, in place of what the tree held. E_CONFIG: a key stands in a map twice,
 * or too many lists are one in another. arena_free(&tree->arena) in any case. */
Status config_tree_read(Events *e, ConfigTree *tree);

#endif

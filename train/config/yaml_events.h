/* The YAML of a config: its events one by one, and subtrees of it.
 *
 * Whatever could give a file another meaning than its plain text (anchors, aliases, tags) is an
 * error. */
#ifndef TRAIN_CONFIG_YAML_EVENTS_H
#define TRAIN_CONFIG_YAML_EVENTS_H

#include <limits.h>
#include <stdbool.h>
#include <yaml.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

enum { CONFIG_WHERE_MAX = PATH_MAX + 64, CONFIG_SHOWN_MAX = 128 };

typedef struct Events {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; events_next() deletes it */
    const char *name, *text;
    size_t size;
    char where[CONFIG_WHERE_MAX];
} Events;

/* Borrows text and name. Call events_close() only after OK. */
Status events_open(Events *e, const char *text, size_t size, const char *name);
void events_close(Events *e);

/* "a.yaml:3:5: ", the position of the current event. */
const char *events_here(Events *e);

/* The same of a position counted from 0. */
const char *events_position(Events *e, size_t line, size_t column);

/* E_CONFIG after a syntax error of the parser: what it means and what would be right
 * (yaml_syntax.c). */
Status events_syntax_error(Events *e);

/* Whether a text is a key and a value without the space between them ("layers:1"). colon: its
 * index. */
bool events_missing_space(const char *text, size_t length, size_t *colon);

/* Moves to the next event. E_CONFIG: a syntax error, or YAML that a config may not use. */
Status events_next(Events *e);

/* The current scalar. E_CONFIG if the event is none, or has a NUL in it; `what` names it in the
 * message. */
Status events_scalar(Events *e, const char **value, const char *what);

bool events_null(const Events *e); /* the current event is an empty value or null */

typedef enum ConfigNodeKind { NODE_SCALAR, NODE_LIST, NODE_MAP } ConfigNodeKind;

typedef struct ConfigNode ConfigNode;
struct ConfigNode {
    ConfigNodeKind kind;
    const char *key;          /* in a map; NULL: not in a map */
    const char *text;         /* of a scalar */
    const char *where;        /* "a.yaml:3:5: " */
    ConfigNode *first, *next; /* first child; next sibling */
};

/* Lists and maps in each other, as the section `sweep` has them. All of it is in the arena. */
typedef struct ConfigTree {
    Arena arena;
    ConfigNode *root; /* NULL: nothing was read */
} ConfigTree;

/* Reads the subtree that begins with the current event, and replaces the tree by it. E_CONFIG: a
 * map has a key twice, or the nesting is too deep. Call arena_free(&tree->arena) in any case. */
Status config_tree_read(Events *e, ConfigTree *tree);

#endif

/* The events of a config's YAML, one after the other, and where each stands. What could make a file mean
 * something else than it says (anchors, aliases, tags) is refused here. */
#ifndef TRAIN_CONFIG_YAML_EVENTS_H
#define TRAIN_CONFIG_YAML_EVENTS_H

#include <limits.h>
#include <stdbool.h>
#include <yaml.h>

#include "autograd/base/error.h"

enum { CONFIG_WHERE_MAX = PATH_MAX + 64, CONFIG_SHOWN_MAX = 128 };

typedef struct Events {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand; deleted by the next */
    const char *name, *text;
    size_t size;
    char where[CONFIG_WHERE_MAX];
} Events;

/* Borrows text and name. events_close() only after OK. */
Status events_open(Events *e, const char *text, size_t size, const char *name);
void events_close(Events *e);

/* "a.yaml:3:5: ", of the event at hand. */
const char *events_here(Events *e);

/* On to the next event. E_CONFIG: no YAML, or what is refused. */
Status events_next(Events *e);

/* The scalar at hand. E_CONFIG, saying what it should be, if it is none or has a NUL. */
Status events_scalar(Events *e, const char **value, const char *what);

bool events_null(const Events *e); /* nothing stands there, or null */

#endif

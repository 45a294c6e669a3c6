/* JSON for --json: one object on stdout, nothing else (CONTRACT 7). Made with jansson. */
#ifndef TRAIN_SUPPORT_JSON_H
#define TRAIN_SUPPORT_JSON_H

#include <jansson.h>

#include "autograd/base/error.h"

json_t *json_number(double x); /* null if x is not finite, which JSON cannot say */

/* s, where it is not UTF-8 as text_escape() shows it: arguments and names of files may be anything. */
json_t *json_text(const char *s);

/* Prints what root holds on stdout, with numbers that read back as they were, and gives root up.
 * E_NOMEM if root is NULL: jansson's way to say so. E_IO. */
Status json_print(json_t *root);

#endif

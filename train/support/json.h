/* JSON for --json: one object on stdout, and nothing else. Made with jansson. */
#ifndef TRAIN_SUPPORT_JSON_H
#define TRAIN_SUPPORT_JSON_H

#include <jansson.h>

#include "autograd/base/error.h"

json_t *json_number(double x); /* null if x is not finite: JSON has no such numbers */

/* s as a JSON string; bytes that are not UTF-8 are escaped by text_escape(). For arguments and
 * file names. */
json_t *json_text(const char *s);

/* Prints root to stdout, with numbers that read back as the same, and releases root. E_NOMEM if
 * root is NULL, which is how jansson reports it. E_IO. */
Status json_print(json_t *root);

#endif

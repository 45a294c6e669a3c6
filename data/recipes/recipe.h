/* A recipe extracts the documents of a corpus from the files of a Debian package: one file here
 * and one row of RECIPE_LIST. */
#ifndef DATA_RECIPES_RECIPE_H
#define DATA_RECIPES_RECIPE_H

#include <stdint.h>
#include <stdio.h>

#include "autograd/base/error.h"
#include "data/packages.h"

#define RECIPE_LIST(X) X(wordnet) X(kjv) X(austen)

/* A jsonl file that is being written. */
typedef struct Rows {
    FILE *file;
    int64_t count;
} Rows;

/* Adds {"text": text}, or {"prompt": prompt, "completion": text} if prompt is not NULL. E_DATA: not
 * UTF-8. */
Status rows_add(Rows *r, const char *prompt, const char *text, size_t size);

typedef struct Recipe {
    const char *name, *title;
    const char *packages[PACKAGES_MAX + 1];
    const char *probe; /* a file that exists if the packages are installed */
    int64_t documents; /* expected number, as in Debian 12 */
    /* root: put before "/usr/..."; scratch: a folder for temporary files. */
    Status (*extract)(const char *root, const char *scratch, Rows *out);
} Recipe;

#define X(name) extern const Recipe recipe_##name;
RECIPE_LIST(X)
#undef X

#endif

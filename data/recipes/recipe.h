/* Recipes: how the documents of a corpus are got out of a package's files. One file here and one row of
 * RECIPE_LIST each. */
#ifndef DATA_RECIPES_RECIPE_H
#define DATA_RECIPES_RECIPE_H

#include <stdint.h>
#include <stdio.h>

#include "autograd/base/error.h"
#include "data/packages.h"

#define RECIPE_LIST(X) X(wordnet) X(kjv) X(austen)

/* Rows of a jsonl file. */
typedef struct Rows {
    FILE *file;
    int64_t count;
} Rows;

/* Adds {"text": text}, or {"prompt": prompt, "completion": text} if there is a prompt. Both are UTF-8:
 * E_DATA. */
Status rows_add(Rows *r, const char *prompt, const char *text, size_t size);

typedef struct Recipe {
    const char *name, *title;
    const char *packages[PACKAGES_MAX + 1];
    const char *probe; /* a file that is there if they are installed */
    int64_t documents; /* that it must make: it is known of the packages of Debian 12 */
    /* root stands before "/usr/..."; scratch: a folder for files in between. */
    Status (*extract)(const char *root, const char *scratch, Rows *out);
} Recipe;

#define X(name) extern const Recipe recipe_##name;
RECIPE_LIST(X)
#undef X

#endif

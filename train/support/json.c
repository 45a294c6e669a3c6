#include "train/support/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

json_t *json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *json_text(const char *s)
{
    json_t *text = json_string(s);
    if (text) return text;
    const size_t size = 4 * strlen(s) + 1;
    char *shown = malloc(size);
    if (shown) text = json_string(text_escape(s, shown, size));
    free(shown);
    return text;
}

Status json_print(json_t *root)
{
    if (!root) return FAIL(E_NOMEM, "JSON");
    int failed = json_dumpf(root, stdout, JSON_REAL_PRECISION(17));
    json_decref(root);
    if (failed || putchar('\n') == EOF || fflush(stdout))
        return FAIL(E_IO, "standard output: %s", strerror(errno));
    return OK;
}

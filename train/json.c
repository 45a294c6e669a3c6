#include "train/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

json_t *json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
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

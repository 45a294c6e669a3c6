/* Packages: files of Debian's packages, installed or not. What is not there is fetched with apt-get into
 * a temporary folder and unpacked in it: nobody need be root, and nothing is installed. */
#ifndef DATA_PACKAGES_H
#define DATA_PACKAGES_H

#include <limits.h>
#include <stdbool.h>

#include "autograd/base/error.h"

enum { PACKAGES_MAX = 4 };

typedef struct Packages {
    char root[PATH_MAX / 2];   /* "": installed; the file of a package is root/usr/... */
    char folder[PATH_MAX / 4]; /* the temporary one; "": none */
} Packages;

/* names, NULL ends them; probe: one of their files, "/usr/...". E_DATA, with what can be done about it, if
 * they are not there and cannot be fetched. packages_close() in any case. */
Status packages_open(Packages *p, const char *const names[], const char *probe, bool tell);

/* Removes what was fetched. */
void packages_close(Packages *p);

#endif

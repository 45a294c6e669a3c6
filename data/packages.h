/* Files of Debian packages, installed or not. A missing package is downloaded with apt-get and
 * unpacked in a temporary folder: this needs no root and installs nothing. */
#ifndef DATA_PACKAGES_H
#define DATA_PACKAGES_H

#include <limits.h>
#include <stdbool.h>

#include "autograd/base/error.h"

enum { PACKAGES_MAX = 4 };

typedef struct Packages {
    char root[PATH_MAX / 2];   /* "": installed; a file of a package is root/usr/... */
    char folder[PATH_MAX / 4]; /* the temporary folder; "": none */
} Packages;

/* names: ended by NULL; probe: one of their files, "/usr/...". E_DATA, with advice: they are
 * missing and cannot be fetched. Call packages_close() in any case. */
Status packages_open(Packages *p, const char *const names[], const char *probe, bool tell);

/* Removes the temporary folder. */
void packages_close(Packages *p);

#endif

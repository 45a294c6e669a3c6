/* A file seen as memory, read-only. */
#ifndef DATA_MAPPING_H
#define DATA_MAPPING_H

#include <stdint.h>

#include "autograd/base/error.h"

typedef struct Mapping {
    const unsigned char *bytes;
    int64_t size;
} Mapping;

/* code: missing, unreadable, empty, or not a file; the message names it. Close in any case. */
Status mapping_open(Mapping *m, const char *path, Status code);
void mapping_close(Mapping *m);

#endif

/* A file mapped into memory, read-only. */
#ifndef DATA_MAPPING_H
#define DATA_MAPPING_H

#include <stdint.h>

#include "autograd/base/error.h"

typedef struct Mapping {
    const unsigned char *bytes;
    int64_t size;
} Mapping;

/* code: the file is missing, unreadable, empty, or not a regular file. Close in any case. */
Status mapping_open(Mapping *m, const char *path, Status code);
void mapping_close(Mapping *m);

/* The pages within these bytes of the mapping need no memory until they are read again. */
void mapping_release(const Mapping *m, const void *bytes, int64_t size);

/* For programs: reading a mapped file that another process has truncated raises SIGBUS. After this
 * call SIGBUS ends the process with a message that names the file and the exit code of damaged
 * data. */
void mapping_report_bus_errors(void);

#endif

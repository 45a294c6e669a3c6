/* A spool holds bytes on the disk until their place in another file is known.
 *
 * Its file is unlinked once it is open, so nothing of it outlives the process. */
#ifndef DATA_SPOOL_H
#define DATA_SPOOL_H

#include <stdint.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Spool {
    int fd;
    const char *beside; /* borrowed, for messages */
    int64_t size;       /* bytes so far, including the buffer */
    int64_t used, room;
    unsigned char *buffer;
} Spool;

/* beside: a path in the folder to use; room: size of the buffer, from a. E_IO, E_NOMEM. s must be
 * {.fd = -1}; call spool_close() in any case. */
Status spool_open(Spool *s, Arena *a, const char *beside, int64_t room);
Status spool_add(Spool *s, const void *bytes, int64_t size);

/* Writes out the buffer. Call it before spool_read(). */
Status spool_flush(Spool *s);

/* Reads bytes [place, place + size) of a flushed spool. */
Status spool_read(const Spool *s, void *out, int64_t place, int64_t size);
void spool_close(Spool *s);

#endif

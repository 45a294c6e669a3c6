/* Spools: bytes put aside on the disk until it is known where they go.
 *
 * The file has no name any more once it is open, so nothing of it outlives the process. */
#ifndef DATA_SPOOL_H
#define DATA_SPOOL_H

#include <stdint.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Spool {
    int fd;
    const char *beside; /* borrowed, for messages */
    int64_t size;       /* bytes so far, those in the buffer included */
    int64_t used, room;
    unsigned char *buffer;
} Spool;

/* beside: a path in the folder to use; room: bytes of buffer, from a. E_IO, E_NOMEM. spool_close() in
 * any case, on a spool that began as {.fd = -1}. */
Status spool_open(Spool *s, Arena *a, const char *beside, int64_t room);
Status spool_add(Spool *s, const void *bytes, int64_t size);

/* Writes out what is in the buffer. Before spool_read(), and to hash what one buffer holds. */
Status spool_flush(Spool *s);

/* Reads bytes [place, place + size) of a flushed spool. */
Status spool_read(const Spool *s, void *out, int64_t place, int64_t size);
void spool_close(Spool *s);

#endif

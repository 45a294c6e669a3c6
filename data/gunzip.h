/* Reads a gzip file from front to back: RFC 1952, members one after another, through a buffer of
 * fixed size, so that memory does not grow with what the file unpacks to. */
#ifndef DATA_GUNZIP_H
#define DATA_GUNZIP_H

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "autograd/base/error.h"

typedef struct Gunzip {
    z_stream stream;
    const char *name; /* borrowed, for messages */
    int fd;           /* borrowed */
    int64_t place;    /* packed bytes read of the file */
    bool is_open, in_member, at_end;
    unsigned char packed[1 << 16];
} Gunzip;

/* Whether a file that begins with these bytes is gzip. */
bool gunzip_begins(const void *bytes, int64_t size);

Status gunzip_open(Gunzip *g, int fd, const char *name); /* E_NOMEM; close in any case */

/* Reads up to `room` unpacked bytes; *got is 0 at the end only. E_DATA: damaged, cut short, or
 * with bytes after its end that are neither zero nor another member. */
Status gunzip_read(Gunzip *g, void *out, int64_t room, int64_t *got);
void gunzip_close(Gunzip *g);

#endif

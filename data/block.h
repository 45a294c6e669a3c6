/* The user block: what our HDF5 files begin with, so that a damaged one is found before HDF5 sees it.
 *
 *     byte 0  magic, 8 bytes          24  of up to two arrays apart: begin and end, 8 bytes each
 *          8  version, 4 bytes        56  XXH3-128 of the payload without them, canonical, 16 bytes
 *         12  block size, 4 bytes     72  XXH3-64 of all that stands above, canonical, 8 bytes
 *         16  payload size, 8 bytes   80  zeros up to the block size
 *
 * The payload, an HDF5 file, follows; places are counted from its start; numbers are little-endian.
 * What lies apart (the tokens of a dataset) has digests of its own, because a file may be large and
 * is not to be read as a whole when it is opened. */
#ifndef DATA_BLOCK_H
#define DATA_BLOCK_H

#include <stdint.h>

#include "autograd/base/error.h"

typedef struct BlockKind {
    const char *magic; /* 8 letters */
    const char *noun;  /* "checkpoint": for messages, and "capstan-checkpoint" is its format */
    uint32_t version;
    int64_t size;      /* of the block */
    int64_t alignment; /* of every array in the payload */
    Status code;       /* what a file is refused with */
} BlockKind;

enum { BLOCK_APART = 2, BLOCK_USED = 80, BLOCK_LARGEST = 4096 };

typedef struct Span {
    int64_t begin, end;
} Span;

/* A digest that bytes are added to. */
typedef struct Digest {
    void *state;
} Digest;

Status digest_open(Digest *d); /* E_NOMEM */
void digest_add(Digest *d, const void *bytes, int64_t size);
void digest_canonical(const Digest *d, unsigned char out[16]);
void digest_text(const Digest *d, char out[33]); /* hexadecimal */
void digest_close(Digest *d);

uint64_t digest_short(const void *bytes, int64_t size); /* XXH3-64 */

/* Fills a block of kind->size bytes. */
void block_fill(unsigned char *block, const BlockKind *kind, int64_t payload,
                const Span apart[BLOCK_APART], const Digest *digest);

/* kind->code, with the reason, if the `size` bytes of the file at path are not what block_fill() was
 * told of. Fills apart. */
Status block_check(const BlockKind *kind, const char *path, const unsigned char *file, int64_t size,
                   Span apart[BLOCK_APART]);

#endif

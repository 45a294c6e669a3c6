/* The user block at the beginning of our HDF5 files, which finds a damaged file before HDF5 sees
 * it.
 *
 *     byte 0  magic, 8 bytes          24  begin and end of up to two arrays apart, 8 bytes each
 *          8  version, 4 bytes        56  XXH3-128 of the payload without them, canonical, 16 bytes
 *         12  block size, 4 bytes     72  XXH3-64 of bytes 0 to 71, canonical, 8 bytes
 *         16  payload size, 8 bytes   80  zeros up to the block size
 *
 * The payload, an HDF5 file, follows; offsets count from its start; numbers are little-endian.
 * Arrays apart (the tokens of a dataset) have digests of their own, so that opening a large file
 * does not read all of it. */
#ifndef DATA_BLOCK_H
#define DATA_BLOCK_H

#include <stdint.h>

#include "autograd/base/error.h"

typedef struct BlockKind {
    const char *magic; /* 8 letters */
    const char *noun;  /* "checkpoint": for messages; the format is then "capstan-checkpoint" */
    uint32_t version;  /* written */
    uint32_t oldest;   /* read: from this version on */
    int64_t size;      /* of the block */
    int64_t alignment; /* of every array in the payload */
    Status code;       /* of a file that is refused */
} BlockKind;

enum { BLOCK_APART = 2, BLOCK_USED = 80, BLOCK_LARGEST = 4096 };

typedef struct Span {
    int64_t begin, end;
} Span;

/* An incremental digest. */
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

/* Checks the `size` bytes of the file at path against its user block and fills apart.
 * kind->code: the block or the digest does not match. */
Status block_check(const BlockKind *kind, const char *path, const unsigned char *file, int64_t size,
                   Span apart[BLOCK_APART]);

#endif

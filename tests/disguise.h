/* For tests of untrusted files: any HDF5 file behind a user block that makes it look like ours. */
#ifndef TESTS_DISGUISE_H
#define TESTS_DISGUISE_H

#include "data/block.h"
#include "tests/temporary.h"

/* Writes `size` bytes of HDF5 as a file of that kind, its digest being right. */
static inline void disguise(const BlockKind *kind, const unsigned char *payload, long size,
                            const Span apart[BLOCK_APART], const char *path)
{
    unsigned char *whole = malloc((size_t)(kind->size + size));
    Digest d;
    int64_t place = 0;
    if (!whole || digest_open(&d)) abort();
    for (int i = 0; i < BLOCK_APART; i++) {
        digest_add(&d, payload + place, apart[i].begin - place);
        place = apart[i].end;
    }
    digest_add(&d, payload + place, size - place);
    block_fill(whole, kind, size, apart, &d);
    digest_close(&d);
    memcpy(whole + kind->size, payload, (size_t)size);
    file_put(path, whole, (size_t)(kind->size + size));
    free(whole);
}

#endif

/* What the files that make up data/dataset.h share. */
#ifndef DATA_DATASET_INTERNAL_H
#define DATA_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "data/h5.h"

enum { CHUNK_SIZE = 1 << 20 }; /* bytes of tokens that have one digest */

/* One half as dataset_touch() sees it. */
typedef struct Chunks {
    int64_t count;
    const uint64_t *digests;      /* NULL: of a raw token file, which was read when it was opened */
    _Atomic unsigned char *sound; /* [count]: looked at and found whole */
} Chunks;

typedef struct DatasetState {
    H5Reader reader; /* of dataset.h5 */
    Chunks train, val;
    Mapping raw[2]; /* token files of other programs */
} DatasetState;

/* Opens a .bin file; d->arena, path and state are there. */
Status dataset_open_raw(Dataset *d, const char *path);

int64_t dataset_largest_token(const Split *s, int64_t begin, int64_t end); /* -1: no tokens */

#endif

/* Shared by data/dataset.c and data/dataset_raw.c. */
#ifndef DATA_DATASET_INTERNAL_H
#define DATA_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "data/h5.h"

enum { CHUNK_SIZE = 1 << 20 }; /* bytes of tokens with one digest */

/* The digests of a split. */
typedef struct Chunks {
    int64_t count;
    const uint64_t *digests;      /* NULL: a token file, which is checked when it is opened */
    _Atomic unsigned char *sound; /* [count]: checked */
} Chunks;

typedef struct DatasetState {
    H5Reader reader; /* of dataset.h5 */
    Chunks train, val;
    Mapping *raw; /* [raw_count], token files of other programs */
    int raw_count;
} DatasetState;

/* Opens a .bin file; d->arena, path and state are there. */
Status dataset_open_raw(Dataset *d, const char *path);

int64_t dataset_largest_token(const Split *s, int64_t begin, int64_t end); /* -1: no tokens */

#endif

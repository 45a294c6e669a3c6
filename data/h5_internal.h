/* What the files that make up data/h5.h share: data/h5.c and data/h5_walk.c, which know HDF5, and
 * data/h5_write.c and data/h5_read.c, which know the disk. */
#ifndef DATA_H5_INTERNAL_H
#define DATA_H5_INTERNAL_H

#include "data/h5.h"

/* Where an array goes that HDF5 only has the place of. */
struct H5Hole {
    int64_t place, size; /* in the payload */
    const void *data;    /* one of these two */
    const Spool *spool;
    bool apart;
};

/* Closes the structure: image, image_size and payload are there, and the holes are in their order. */
Status h5_finish(H5Writer *w);

/* What a file may have at most: more is refused by name. Layers are at most 1024, a block has at most 16
 * parameters and each three arrays. */
enum {
    H5_PATH = 192,
    H5_TEXT = 1024,
    H5_DEPTH = 6,
    H5_OBJECTS = 1 << 16,
    H5_ATTRIBUTES = 128,
    H5_REASON = 512
};

/* A group or an array, as the child found it. */
typedef struct H5Object {
    char path[H5_PATH];
    int32_t is_array, type, rank;
    uint64_t dim[RANK_MAX];
    uint64_t place, size; /* in the payload; bytes stored */
} H5Object;

typedef struct H5Attribute {
    char object[H5_PATH], name[64];
    int32_t is_text;
    int64_t number;
    char text[H5_TEXT];
} H5Attribute;

/* What the child says of a file. Untrusted: of a child that HDF5 was led astray in, it may be anything. */
struct H5Contents {
    int32_t done;           /* the walk came to its end */
    char reason[H5_REASON]; /* why not */
    int64_t objects, attributes;
    H5Attribute attribute[H5_ATTRIBUTES];
    H5Object object[H5_OBJECTS]; /* pages that nobody writes to cost nothing */
};

/* Gets HDF5 ready in this process, and so in children of it: no plugins, no messages of its own. */
void h5_prepare(void);

/* In the child: fills c from the `size` bytes of an HDF5 file. */
void h5_walk(const void *bytes, int64_t size, H5Contents *c);

#endif

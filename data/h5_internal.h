/* Shared by the files of data/h5.h: data/h5.c and data/h5_walk.c call HDF5; data/h5_write.c and
 * data/h5_read.c read and write files. */
#ifndef DATA_H5_INTERNAL_H
#define DATA_H5_INTERNAL_H

#include "data/h5.h"

/* An array for which HDF5 only reserves space. */
struct H5Hole {
    int64_t place, size; /* in the payload */
    const void *data;    /* one of these two */
    const Spool *spool;
    bool apart;
};

/* Closes the structure: sets image, image_size and payload, and sorts the holes by place. */
Status h5_finish(H5Writer *w);

/* Limits of a file; a message names the one that is exceeded. A model has at most 1024 blocks of 16
 * parameters, each with three arrays. */
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

/* The child's list of the contents. Untrusted: a crafted file may have taken control of HDF5 in
 * the child. */
struct H5Contents {
    int32_t done;           /* the walk was completed */
    char reason[H5_REASON]; /* why it was not */
    int64_t objects, attributes;
    H5Attribute attribute[H5_ATTRIBUTES];
    H5Object object[H5_OBJECTS]; /* untouched pages take no memory */
};

/* Initializes HDF5 in this process and its children: no plugins, no messages. */
void h5_prepare(void);

/* In the child: fills c from the `size` bytes of an HDF5 file. */
void h5_walk(const void *bytes, int64_t size, H5Contents *c);

#endif

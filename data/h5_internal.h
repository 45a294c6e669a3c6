/* What data/h5.c, which knows HDF5, and data/h5_write.c, which knows the disk, share. */
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

#endif

/* File formats that checkpoints can be read from. Capstan writes HDF5 (checkpoint_h5.c). To read
 * files of other programs, add a file with a CheckpointFormat and its row in `formats` of
 * checkpoint.c. */
#ifndef TRAIN_CHECKPOINT_CHECKPOINT_FORMAT_H
#define TRAIN_CHECKPOINT_CHECKPOINT_FORMAT_H

#include "train/checkpoint/checkpoint.h"

/* An array of the file. */
typedef struct CheckpointArray {
    NumberType type; /* of the numbers that read() returns */
    Shape shape;
    const void *data; /* for formats that read in place: borrowed until close(); else NULL */
} CheckpointArray;

struct CheckpointFormat {
    const char *name;

    /* Whether a file that begins with these bytes is of this format; NULL: any file may be. */
    bool (*recognizes)(const unsigned char *head, int64_t size);

    /* Opens path and fills info, has_optimizer, and the format's own `file`. The texts of info are
     * valid until close(), which is called whatever open() returns. E_FORMAT, E_NOMEM. */
    Status (*open)(CheckpointReader *r, const char *path);
    void (*close)(CheckpointReader *r);

    /* Looks up an array: "/model/NAME", "/optim/m/NAME", "/optim/v/NAME" or "/state/NAME". *found
     * is false if there is none. E_FORMAT: something else has this name. */
    Status (*find)(const CheckpointReader *r, const char *name, bool *found, CheckpointArray *out);

    /* Iterates over the arrays of "/model", "/optim/m" or "/optim/v" in alphabetical order: returns
     * the name after `last`, the previous result (NULL: the first name); NULL at the end. */
    const char *(*next)(const CheckpointReader *r, const char *group, const char *last);

    /* The numbers of an array that is read in place have been copied: their memory is not needed
     * until they are read again. NULL: nothing to do. */
    void (*release)(const CheckpointReader *r, const CheckpointArray *array, int64_t size);

    /* Copies the numbers of an array that find() has found, converted if necessary. NULL for
     * formats that read in place. E_FORMAT. */
    Status (*read)(const CheckpointReader *r, const char *name, real *to, int64_t count);
};

extern const CheckpointFormat checkpoint_h5;

/* The groups of parameters and moments. */
enum { GROUP_MODEL, GROUP_M, GROUP_V, GROUPS };
extern const char *const checkpoint_groups[GROUPS];

/* The numbers of a parameter in a group; NULL: the optimizer keeps none. */
real *checkpoint_numbers(const Params *p, const Param *one, int group);

/* checkpoint_open() for a given format. */
Status checkpoint_open_as(CheckpointReader *r, const CheckpointFormat *format, const char *path);

#endif

/* HDF5 files, written and read so that HDF5 itself never touches the disk.
 *
 * Writing: HDF5 builds the structure in memory, with a hole where each array goes; h5_write()
 * then streams structure and arrays into a draft (data/files.h) behind a user block
 * (data/block.h). So a checkpoint needs no second copy in memory, a dataset of any size needs
 * little, and equal content gives equal bytes. Reading: the file is mapped and held against its
 * user block; then HDF5 lists what it holds, in a child process with limits (data/guard.h); the
 * list is held against the file, and arrays are read in place. A file is refused, by name and
 * reason, if there is anything in it that capstan does not write: links, filters, external or
 * virtual arrays, other types, extents without bytes, arrays that share bytes, deep or endless
 * groups, long attributes. What is then asked for must be there in the right shape.
 *
 * Names are paths from the root: "/model/embed.weight". One thread at a time. */
#ifndef DATA_H5_H
#define DATA_H5_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/arena.h"
#include "autograd/tensor.h"
#include "data/block.h"
#include "data/mapping.h"
#include "data/spool.h"

typedef enum NumberType {
    NUMBER_U8,
    NUMBER_U16,
    NUMBER_U32,
    NUMBER_U64,
    NUMBER_I64,
    NUMBER_F32,
    NUMBER_F64
} NumberType;

#define NUMBER_REAL (sizeof(real) == sizeof(float) ? NUMBER_F32 : NUMBER_F64)

int64_t number_size(NumberType t);     /* in bytes */
const char *number_name(NumberType t); /* "float32", "uint8" ... */

typedef struct H5Hole H5Hole;
typedef struct H5Contents H5Contents;

/* A file that is being built. It keeps its first error, which h5_write() returns. */
typedef struct H5Writer {
    Arena arena;
    const BlockKind *kind;
    int64_t file;                /* HDF5's handle; 0: closed */
    unsigned char *image;        /* the structure */
    void *pin;                   /* keeps memory for HDF5 */
    int64_t image_size, payload; /* bytes in memory; bytes of the file */
    H5Hole *holes;
    int64_t hole_count;
    Status status;
} H5Writer;

/* Writes the attributes `format` ("capstan-" kind->noun) and `version` of the root. arrays:
 * their expected number; the structure then stays at the front, and the holes take no memory.
 * Call h5_writer_close() in any case. */
void h5_writer_open(H5Writer *w, const BlockKind *kind, int64_t arrays);
void h5_put_group(H5Writer *w, const char *path);

/* Adds an array; data is borrowed until h5_write(). h5_put_spool(): its data comes from a spool,
 * which must be flushed before h5_write(). apart: not part of the file's digest (at most two
 * arrays). */
void h5_put(H5Writer *w, const char *path, NumberType type, Shape shape, const void *data);
void h5_put_spool(H5Writer *w, const char *path, NumberType type, int64_t count, const Spool *s,
                  bool apart);

/* Attributes of the group `object` ("/": the root). */
void h5_put_int(H5Writer *w, const char *object, const char *name, int64_t value);
void h5_put_text(H5Writer *w, const char *object, const char *name, const char *value);

/* Writes the file at path, or returns the first error or E_IO and leaves path as it was. */
Status h5_write(H5Writer *w, const char *path);
void h5_writer_close(H5Writer *w);

/* An open file. Every error in it is kind->code. */
typedef struct H5Reader {
    char *path; /* escaped, for messages */
    const BlockKind *kind;
    int64_t version; /* of the file: kind->oldest .. kind->version */
    Mapping file;
    H5Contents *contents; /* NULL after h5_reader_detach() */
    Span apart[BLOCK_APART];
} H5Reader;

/* kind->code also if the file is missing, empty, or of another format or version. E_NOMEM. Call
 * h5_reader_close() in any case. */
Status h5_reader_open(H5Reader *r, const char *path, const BlockKind *kind);
void h5_reader_close(H5Reader *r);

/* The same, but ignores the user block, the format and the version, to inspect a damaged file.
 * The list of contents is checked against the file all the same; the arrays may hold anything. */
Status h5_reader_look(H5Reader *r, const char *path, const BlockKind *kind);

/* Frees the list of contents; the mapping stays until h5_reader_close(). */
void h5_reader_detach(H5Reader *r);

bool h5_has(const H5Reader *r, const char *path);

/* Finds an array in the mapping (aligned as kind says), its shape and its type. kind->code:
 * there is no plain array of that name. */
Status h5_find(const H5Reader *r, const char *path, NumberType *type, Shape *shape,
               const void **data);

/* The same for a list of a known type: kind->code for another type or rank. */
Status h5_find_list(const H5Reader *r, const char *path, NumberType type, int64_t *count,
                    const void **data);

Status h5_get_int(const H5Reader *r, const char *object, const char *name, int64_t *value);
Status h5_get_text(const H5Reader *r, const char *object, const char *name, char *out,
                   int64_t size); /* kind->code: it does not fit */

/* The members of a group: their number, and their names in alphabetical order. h5_next_name():
 * the name after `last`, a name that it returned before (NULL: the first name); NULL: no more
 * names. */
Status h5_count(const H5Reader *r, const char *group, int64_t *count);
const char *h5_next_name(const H5Reader *r, const char *group, const char *last);

/* The paths of all arrays in alphabetical order, in the same way. */
const char *h5_next_array(const H5Reader *r, const char *last);

/* The i-th of all attributes, by object and name; false: there are fewer. */
typedef struct H5Value {
    const char *object, *name, *text; /* text NULL: a number */
    int64_t number;
} H5Value;

bool h5_attribute(const H5Reader *r, int64_t i, H5Value *out);

#endif

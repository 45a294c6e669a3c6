/* The tensors of a model's files: names, shapes, and their numbers in the mapped files.
 *
 * All of it is untrusted. A reader (safetensors.h, gguf.h, llama2c.h, llmc.h) adds a tensor only
 * after it has checked that the tensor's bytes are in the file. */
#ifndef TRAIN_FORMATS_WEIGHTS_H
#define TRAIN_FORMATS_WEIGHTS_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "data/mapping.h"
#include "train/formats/dtype.h"

typedef struct Weight {
    const char *name; /* as in the file: escape it for messages */
    Dtype dtype;
    const char *dtype_text; /* as the file calls it */
    Shape shape;            /* as PyTorch's */
    const unsigned char *data;
    int64_t size; /* bytes */
    const char *path;
    Mapping file; /* that data is in */
    bool is_used; /* a parameter was read from it */
} Weight;

typedef struct MappedFile MappedFile;

typedef struct Weights {
    Arena arena;
    MappedFile *files;
    Weight *list; /* in the order of names after weights_sort() */
    int64_t count, room;
} Weights;

/* Maps a file until weights_close(). *name: its path, escaped, in the arena. E_DATA: missing, empty,
 * or only a pointer to the real file (Git LFS). */
Status weights_map(Weights *w, const char *path, const char **name, Mapping *file);
void weights_close(Weights *w);

/* Adds a tensor; its name is copied. E_NOMEM. */
Status weights_add(Weights *w, const Weight *one);

/* Equal tensors, one a layer or one alone, in files that have their tensors in a fixed order. */
typedef struct WeightRun {
    const char *name; /* in GGUF; %lld: the layer; NULL: numbers that nobody needs */
    bool by_layer;
    Shape shape;
} WeightRun;

int64_t weight_runs_size(const WeightRun runs[], int count, int64_t layers, Dtype dtype);

/* The tensors of all runs, from byte `begin` of the file on. path: escaped. E_NOMEM. */
Status weights_add_runs(Weights *w, const char *path, const WeightRun runs[], int count,
                        int64_t layers, Dtype dtype, const Mapping *file, int64_t begin);

/* Of the tensors from `first` on, which are sorted by place. E_DATA: two overlap. */
Status weights_check_overlap(Weights *w, int64_t first);

/* After the last weights_add(). E_DATA: two tensors have one name. */
Status weights_sort(Weights *w);
Weight *weights_find(const Weights *w, const char *name); /* NULL: there is none */

/* Converts all numbers of a tensor, whose type is known. */
void weight_read(const Weight *one, real *to);

/* E_DATA if the bytes are not a model file but what a failed or partial download leaves, or a
 * pickle: says what it is and what to do. name: escaped. */
Status weights_refuse(const char *name, const unsigned char *bytes, int64_t size);

#endif

/* Reads GGUF files, versions 2 and 3 (the layout: gguf_write.h). The file is untrusted: every count,
 * length and offset is checked against its size. */
#ifndef TRAIN_FORMATS_GGUF_H
#define TRAIN_FORMATS_GGUF_H

#include "train/formats/gguf_write.h"
#include "train/formats/kinds.h"
#include "train/formats/weights.h"

enum { GGUF_PAIRS_MAX = 4096, GGUF_TENSORS_MAX = 1 << 17 };

typedef struct GgufPair {
    const char *key; /* as in the file */
    GgufType type, item;
    int64_t count; /* of a list's items; of a text's bytes */
    const unsigned char *value;
} GgufPair;

typedef struct Gguf {
    const Weights *weights;
    const char *name; /* of the file, escaped */
    GgufPair *pairs;
    int64_t count;
} Gguf;

/* Bytes of a value of a type; 0: they vary; -1: no type has this number. */
int64_t gguf_value_size(uint32_t type);

bool gguf_recognizes(const unsigned char *bytes, int64_t size);

/* Adds the tensors to w, in whose arena pairs and names are. E_DATA says what is wrong, and where. */
Status gguf_read(Weights *w, const char *path, Gguf *g);

const GgufPair *gguf_find(const Gguf *g, const char *key); /* NULL: there is none */

/* A text, copied to a with a zero byte; NULL: no such key, another type, or out of memory. */
const char *gguf_text(const Gguf *g, const char *key, Arena *a);

/* A whole number of any type; false: there is none. */
bool gguf_int(const Gguf *g, const char *key, int64_t *value);

/* The texts of a list, copied to a; NULL and 0: no such list. E_NOMEM. E_DATA: a zero byte in one. */
Status gguf_texts(const Gguf *g, const char *key, Arena *a, const char ***texts, int64_t *count);

/* How a kind sees the file. */
KindKeys gguf_keys(const Gguf *g);

#endif

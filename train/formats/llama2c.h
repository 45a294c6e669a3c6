/* Model files of llama2.c (Karpathy 2023): a header of seven int32 (width, MLP width, layers, heads,
 * key/value heads, vocabulary, context; a negative vocabulary: an output layer of its own), then
 * float32 tensors in a fixed order, each for all layers. A llama: RMSNorm with epsilon 1e-5, SwiGLU,
 * RoPE on pairs with base 10000. The tensors are known by their names in GGUF, which stores them in
 * the same layout. */
#ifndef TRAIN_FORMATS_LLAMA2C_H
#define TRAIN_FORMATS_LLAMA2C_H

#include "train/formats/kinds.h"
#include "train/formats/weights.h"

typedef struct Llama2c {
    int32_t width, mlp_width, layers, heads, kv_heads, vocab_size, context;
    bool tied;
    bool has_magic; /* the newer file: version 1 of "ak42" */
} Llama2c;

/* A run of equal tensors of the file. */
typedef struct Llama2cPart {
    const char *name; /* in GGUF; %lld: the layer; NULL: tables of RoPE, which nobody needs */
    bool by_layer;
    Shape shape;
} Llama2cPart;

enum { LLAMA2C_PARTS = 16 };

/* The parts in the order of the file; returns their number. */
int llama2c_parts(const Llama2c *h, Llama2cPart parts[LLAMA2C_PARTS]);

bool llama2c_recognizes(const unsigned char *bytes, int64_t size);

/* Fills c, not resolved, and adds the tensors. E_DATA. */
Status llama2c_read(Weights *w, const char *path, Config *c, int64_t *vocab_size);

#endif

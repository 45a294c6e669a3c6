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

enum { LLAMA2C_RUNS = 16 };

/* The tensors in the order of the file; returns the number of runs. */
int llama2c_runs(const Llama2c *h, WeightRun runs[LLAMA2C_RUNS]);

bool llama2c_recognizes(const unsigned char *bytes, int64_t size);

/* Fills c, not resolved, and adds the tensors. E_DATA. */
Status llama2c_read(Weights *w, const char *path, Config *c, int64_t *vocab_size);

#endif

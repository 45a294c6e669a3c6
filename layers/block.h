/* A block: attention, then the MLP, each with its norms and its way around (CONTRACT 3, "Model"). */
#ifndef LAYERS_BLOCK_H
#define LAYERS_BLOCK_H

#include "layers/gpt.h"

/* prefix: "blocks.3". */
void block_init(Block *b, Params *p, const char *prefix, const Gpt *g, uint64_t seed);

/* x [R, C] -> [R, C]. */
Tensor *block_forward(const Block *b, const Gpt *g, Tape *t, Tensor *x, const GptInput *in,
                      int64_t layer);

#endif

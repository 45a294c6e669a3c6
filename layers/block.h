/* A block: attention, then the MLP, each with its norms and a residual connection around it.
 * model.norm_place:
 *
 *   pre       x += attn(norm1(x)); x += mlp(norm2(x))
 *   post      x = norm1(x + attn(x)); x = norm2(x + mlp(x))
 *   sandwich  x += norm1_out(attn(norm1(x))); x += norm2_out(mlp(norm2(x))) */
#ifndef LAYERS_BLOCK_H
#define LAYERS_BLOCK_H

#include "layers/gpt.h"

/* prefix: "blocks.3", layer: 3. */
void block_init(Block *b, Params *p, const char *prefix, const GptConfig *c, int64_t layer,
                uint64_t seed);

/* x [R, C] -> [R, C]. */
Tensor *block_forward(const Block *b, const Gpt *g, Tape *t, Tensor *x, const GptInput *in,
                      int64_t layer);

#endif

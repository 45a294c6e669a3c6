/* Self-attention: x [R, C] -> projections, heads, mixing, projection (Vaswani et al. 2017, section 3.2;
 * grouped queries: Ainslie et al. 2023, arXiv:2305.13245). */
#ifndef LAYERS_ATTENTION_H
#define LAYERS_ATTENTION_H

#include "layers/gpt.h"

void attention_init(SelfAttention *a, Params *p, const char *prefix, const GptConfig *c,
                    uint64_t seed);

/* x [R, C] and, unless it is NULL, residual [R, C] added: [R, C]. layer: which one, for the cache. */
Tensor *attention_forward(const SelfAttention *a, const Gpt *g, Tape *t, Tensor *x,
                          Tensor *residual, const GptInput *in, int64_t layer);

#endif

/* Shared by attention and MLP: the end of a residual branch, and the initial values of its last
 * matrix. */
#ifndef LAYERS_RESIDUAL_H
#define LAYERS_RESIDUAL_H

#include "layers/gpt.h"

#define GPT_STD 0.02 /* of the initial values of matrices (Radford et al. 2019) */

/* The initial standard deviation of the last matrix of a branch: GPT_STD / sqrt(2 layers) (section
 * 2.3 there), so that the sum of all branches does not grow with depth; GPT_STD if model.init is
 * plain. Small branches beside large embeddings prevent loss spikes: Takase et al. 2025,
 * arXiv:2312.16903. */
double residual_std(const GptConfig *c);

/* Zeroed memory for a layer's own data, as long as p lives; NULL and a fault in p when memory is
 * out. */
void *residual_layer(Params *p, int64_t size);

/* The random stream of a dropout at "prefix.name". */
Rng residual_stream(uint64_t seed, const char *prefix, const char *name);

/* Dropout at the config's rate; 0 outside training. */
Dropout residual_dropout(const Gpt *g, const GptInput *in, Rng rng);

/* dropout(x w^T + b) + residual; b and residual may be NULL. x [R, n], w [C, n]: [R, C]. */
Tensor *residual_linear(const Gpt *g, Tape *t, Tensor *x, Tensor *w, Tensor *b, Tensor *residual,
                        const GptInput *in, Rng rng);

#endif

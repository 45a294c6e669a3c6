/* What both halves of a block share: how a branch ends, and how its last matrix is drawn. */
#ifndef LAYERS_RESIDUAL_H
#define LAYERS_RESIDUAL_H

#include "layers/gpt.h"

#define GPT_STD 0.02 /* of the initial values of matrices (Radford et al. 2019) */

/* The standard deviation of a matrix that ends a branch: GPT_STD / sqrt(2 layers) (section 2.3 there), so
 * that what all branches add up to does not grow with depth; GPT_STD if model.init is plain. Why small
 * branches beside large embeddings keep spikes away: Takase et al. 2025, arXiv:2312.16903. */
double residual_std(const GptConfig *c);

/* The random stream of a dropout at "prefix.name". */
Rng residual_stream(uint64_t seed, const char *prefix, const char *name);

/* Dropout as the config and the input say: of rate 0 outside training. */
Dropout residual_dropout(const Gpt *g, const GptInput *in, Rng rng);

/* dropout(x w^T + b) + residual; b and residual may be NULL. x [R, n], w [C, n]: [R, C]. */
Tensor *residual_linear(const Gpt *g, Tape *t, Tensor *x, Tensor *w, Tensor *b, Tensor *residual,
                        const GptInput *in, Rng rng);

#endif

/* The feed-forward half of a block: x [R, C] -> down(act(up(x))) [R, C] (Vaswani et al. 2017, section
 * 3.3), or down(act(gate(x)) * up(x)) (Shazeer 2020, arXiv:2002.05202). */
#ifndef LAYERS_MLP_H
#define LAYERS_MLP_H

#include "layers/gpt.h"

void mlp_init(Mlp *m, Params *p, const char *prefix, const GptConfig *c, uint64_t seed);

/* x [R, C] and, unless it is NULL, residual [R, C] added: [R, C]. */
Tensor *mlp_forward(const Mlp *m, const Gpt *g, Tape *t, Tensor *x, Tensor *residual,
                    const GptInput *in);

bool mlp_is_gated(const GptConfig *c);

#endif

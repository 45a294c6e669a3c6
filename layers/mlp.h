/* The MLP, the second half of a block: x [R, C] -> [R, C]. Kinds of MLP are rows of a table in
 * mlp.c, one for each choice of model.mlp. */
#ifndef LAYERS_MLP_H
#define LAYERS_MLP_H

#include "layers/gpt.h"

struct MlpKind {
    /* Declares the parameters under prefix ("blocks.3.mlp") and returns the layer's own data, in
     * p's arena; NULL after a fault, which p holds. seed: of dropout. */
    void *(*init)(Params *p, const char *prefix, const GptConfig *c, uint64_t seed);

    /* x [R, C] and, unless it is NULL, residual [R, C] added: [R, C]. self: what init returned. */
    Tensor *(*forward)(const void *self, const Gpt *g, Tape *t, Tensor *x, Tensor *residual,
                       const GptInput *in);

    /* The hidden width for model.mlp_width = 0. */
    int64_t (*auto_width)(const GptConfig *c);
};

/* down(act(up(x))), or gated (mlp_dense.c). */
extern const MlpKind mlp_dense;

const MlpKind *mlp_kind(const GptConfig *c);

void mlp_init(MlpLayer *m, Params *p, const char *prefix, const GptConfig *c, uint64_t seed);

Tensor *mlp_forward(const MlpLayer *m, const Gpt *g, Tape *t, Tensor *x, Tensor *residual,
                    const GptInput *in);

#endif

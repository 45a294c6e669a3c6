#include "layers/mlp.h"

#include <stdio.h>

static const MlpKind *const kinds[] = {
    [MLP_gelu] = &mlp_dense,       [MLP_relu] = &mlp_dense,   [MLP_relu2] = &mlp_dense,
    [MLP_silu] = &mlp_dense,       [MLP_swiglu] = &mlp_dense, [MLP_geglu] = &mlp_dense,
    [MLP_gelu_exact] = &mlp_dense,
};

const MlpKind *mlp_kind(const GptConfig *c)
{
    return kinds[c->mlp];
}

void mlp_init(MlpLayer *m, Params *p, const char *prefix, const GptConfig *c, uint64_t seed)
{
    m->kind = mlp_kind(c);
    snprintf(m->scope, sizeof m->scope, "%s", prefix);
    m->self = m->kind->init(p, prefix, c, seed);
}

Tensor *mlp_forward(const MlpLayer *m, const Gpt *g, Tape *t, Tensor *x, Tensor *residual,
                    const GptInput *in)
{
    tape_scope(t, m->scope);
    return m->kind->forward(m->self, g, t, x, residual, in);
}

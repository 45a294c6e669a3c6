#include "layers/mlp.h"

#include <stdio.h>

#include "layers/residual.h"
#include "layers/width.h"

bool mlp_is_gated(const GptConfig *c)
{
    return c->mlp == ACTIVATION_swiglu || c->mlp == ACTIVATION_geglu;
}

void mlp_init(Mlp *m, Params *p, const char *prefix, const GptConfig *c, uint64_t seed)
{
    const bool gated = mlp_is_gated(c);
    Tensor *gate = NULL;
    snprintf(m->scope, sizeof m->scope, "%s", prefix);
    m->activation = c->mlp;

    if (gated) gate = width_hidden(p, prefix, "gate.weight", c->mlp_width, c->width, GPT_STD, c);
    m->up = width_hidden(p, prefix, "up.weight", c->mlp_width, c->width, GPT_STD, c);
    if (gated) m->up = params_span(p, gate, m->up);
    if (c->bias) {
        if (gated) gate = params_vector(p, prefix, "gate.bias", c->mlp_width, 0);
        m->up_bias = params_vector(p, prefix, "up.bias", c->mlp_width, 0);
        if (gated) m->up_bias = params_span(p, gate, m->up_bias);
    }
    m->down = width_hidden(p, prefix, "down.weight", c->width, c->mlp_width, residual_std(c), c);
    if (c->bias) m->down_bias = params_vector(p, prefix, "down.bias", c->width, 0);
    m->drop_out = residual_stream(seed, prefix, "out");
}

Tensor *mlp_forward(const Mlp *m, const Gpt *g, Tape *t, Tensor *x, Tensor *residual,
                    const GptInput *in)
{
    tape_scope(t, m->scope);
    Tensor *h = ag_activation(t, ag_linear(t, x, m->up, m->up_bias, NULL), m->activation);
    return residual_linear(g, t, h, m->down, m->down_bias, residual, in, m->drop_out);
}

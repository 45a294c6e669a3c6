/* The dense MLP: down(act(up(x))) (Vaswani et al. 2017, section 3.3), or gated, down(act(gate(x)) *
 * up(x)) (Shazeer 2020, arXiv:2002.05202). */
#include "layers/mlp.h"
#include "layers/residual.h"
#include "layers/width.h"

typedef struct Dense {
    Activation activation;
    Tensor *up, *up_bias;     /* [F, C]; gate and up joined, [2 F, C], if gated */
    Tensor *down, *down_bias; /* [C, F] */
    Rng drop_out;
} Dense;

static const struct {
    Activation activation;
    bool is_gated;
} forms[] = {
    [MLP_gelu] = {ACTIVATION_gelu, false},
    [MLP_relu] = {ACTIVATION_relu, false},
    [MLP_relu2] = {ACTIVATION_relu2, false},
    [MLP_silu] = {ACTIVATION_silu, false},
    [MLP_swiglu] = {ACTIVATION_swiglu, true},
    [MLP_geglu] = {ACTIVATION_geglu, true},
    [MLP_gelu_exact] = {ACTIVATION_gelu_exact, false},
};

static void *init(Params *p, const char *prefix, const GptConfig *c, uint64_t seed)
{
    const bool is_gated = forms[c->mlp].is_gated;
    Tensor *gate = NULL;
    Dense *m = residual_layer(p, sizeof *m);
    if (!m) return NULL;
    m->activation = forms[c->mlp].activation;

    if (is_gated) gate = width_hidden(p, prefix, "gate.weight", c->mlp_width, c->width, GPT_STD, c);
    m->up = width_hidden(p, prefix, "up.weight", c->mlp_width, c->width, GPT_STD, c);
    if (is_gated) m->up = params_span(p, gate, m->up);
    if (c->bias) {
        if (is_gated) gate = params_vector(p, prefix, "gate.bias", c->mlp_width, 0);
        m->up_bias = params_vector(p, prefix, "up.bias", c->mlp_width, 0);
        if (is_gated) m->up_bias = params_span(p, gate, m->up_bias);
    }
    m->down = width_hidden(p, prefix, "down.weight", c->width, c->mlp_width, residual_std(c), c);
    if (c->bias) m->down_bias = params_vector(p, prefix, "down.bias", c->width, 0);
    m->drop_out = residual_stream(seed, prefix, "out");
    return m;
}

static Tensor *forward(const void *self, const Gpt *g, Tape *t, Tensor *x, Tensor *residual,
                       const GptInput *in)
{
    const Dense *m = self;
    Tensor *h = ag_activation(t, ag_linear(t, x, m->up, m->up_bias, NULL), m->activation);
    return residual_linear(g, t, h, m->down, m->down_bias, residual, in, m->drop_out);
}

/* A gated MLP has three matrices: with 8/3 of the width they have as many parameters as two with
 * 4. */
static int64_t auto_width(const GptConfig *c)
{
    return forms[c->mlp].is_gated ? (8 * c->width + 95) / 96 * 32 : 4 * c->width;
}

const MlpKind mlp_dense = {init, forward, auto_width};

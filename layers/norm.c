#include "layers/norm.h"

#include <stdio.h>

struct NormKind {
    bool has_bias;
    Tensor *(*forward)(const Norm *n, Tape *t, Tensor *x);
};

static Tensor *layernorm(const Norm *n, Tape *t, Tensor *x)
{
    return ag_layernorm(t, x, n->weight, n->bias, n->eps);
}

static Tensor *rmsnorm(const Norm *n, Tape *t, Tensor *x)
{
    return ag_rmsnorm(t, x, n->weight, n->eps);
}

static const NormKind kinds[] = {
    [NORM_layernorm] = {.has_bias = true, .forward = layernorm},
    [NORM_rmsnorm] = {.has_bias = false, .forward = rmsnorm},
};

void norm_init(Norm *n, Params *p, const char *prefix, const GptConfig *c)
{
    n->kind = &kinds[c->norm];
    n->eps = c->norm_eps;
    snprintf(n->scope, sizeof n->scope, "%s", prefix);
    n->weight = params_vector(p, prefix, "weight", c->width, 1);
    if (n->kind->has_bias && c->bias) n->bias = params_vector(p, prefix, "bias", c->width, 0);
}

Tensor *norm_forward(const Norm *n, Tape *t, Tensor *x)
{
    tape_scope(t, n->scope);
    return n->kind->forward(n, t, x);
}

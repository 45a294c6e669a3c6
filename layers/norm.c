#include "layers/norm.h"

#include <stdio.h>

void norm_init(Norm *n, Params *p, const char *prefix, const GptConfig *c)
{
    n->is_rms = c->norm == NORM_rmsnorm;
    n->eps = c->norm_eps;
    snprintf(n->scope, sizeof n->scope, "%s", prefix);
    n->weight = params_vector(p, prefix, "weight", c->width, 1);
    n->bias = !n->is_rms && c->bias ? params_vector(p, prefix, "bias", c->width, 0) : NULL;
}

Tensor *norm_forward(const Norm *n, Tape *t, Tensor *x)
{
    tape_scope(t, n->scope);
    return n->is_rms ? ag_rmsnorm(t, x, n->weight, n->eps)
                     : ag_layernorm(t, x, n->weight, n->bias, n->eps);
}

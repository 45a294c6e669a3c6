#include "layers/residual.h"

#include <math.h>
#include <stdio.h>

double residual_std(const GptConfig *c)
{
    if (c->init == INIT_zero) return 0;
    return c->init == INIT_plain ? GPT_STD : GPT_STD / sqrt(2.0 * (double)c->layers);
}

void *residual_layer(Params *p, int64_t size)
{
    void *layer = arena_zero(&p->arena, size);
    if (!layer && !p->status) p->status = FAIL(E_NOMEM, "a layer");
    return layer;
}

Rng residual_stream(uint64_t seed, const char *prefix, const char *name)
{
    char stream[2 * PARAM_NAME_MAX];
    snprintf(stream, sizeof stream, "dropout.%s.%s", prefix, name);
    return rng_stream(seed, stream);
}

Dropout residual_dropout(const Gpt *g, const GptInput *in, Rng rng)
{
    return (Dropout){.rng = rng,
                     .step = in->step,
                     .first_row = in->first_row,
                     .rate = in->dropout ? g->config->dropout : 0};
}

Tensor *residual_linear(const Gpt *g, Tape *t, Tensor *x, Tensor *w, Tensor *b, Tensor *residual,
                        const GptInput *in, Rng rng)
{
    const Dropout d = residual_dropout(g, in, rng);
    if (d.rate <= 0) return ag_linear(t, x, w, b, residual);
    return ag_dropout(t, ag_linear(t, x, w, b, NULL), residual, &d);
}

#include "layers/attention.h"

#include <stdio.h>

#include "layers/cache.h"

/* There is one kind so far. A setting that chooses between kinds indexes a table here, as in
 * mlp.c. */
const AttentionKind *attention_kind(const GptConfig *c, int64_t layer)
{
    (void)c, (void)layer;
    return &attention_softmax;
}

void attention_init(AttentionLayer *a, Params *p, const char *prefix, const GptConfig *c,
                    int64_t layer, uint64_t seed)
{
    a->kind = attention_kind(c, layer);
    snprintf(a->scope, sizeof a->scope, "%s", prefix);
    a->self = a->kind->init(p, prefix, c, layer, seed);
}

Tensor *attention_forward(const AttentionLayer *a, const Gpt *g, Tape *t, Tensor *x,
                          Tensor *residual, const GptInput *in, int64_t layer)
{
    AttentionCall call = {.gpt = g,
                          .tape = t,
                          .x = x,
                          .residual = residual,
                          .in = in,
                          .rows = in->attention,
                          .layer = layer};
    if (in->stats) call.stats = in->stats[layer];
    if (in->cache) call.cache = cache_layer(g->config, in->cache, layer);
    tape_scope(t, a->scope);
    return a->kind->forward(a->self, &call);
}

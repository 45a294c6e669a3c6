#include "layers/block.h"

#include <stdio.h>

#include "layers/attention.h"
#include "layers/mlp.h"
#include "layers/norm.h"

void block_init(Block *b, Params *p, const char *prefix, const GptConfig *c, int64_t layer,
                uint64_t seed)
{
    const bool sandwich = c->norm_place == NORM_PLACE_sandwich;
    char name[PARAM_NAME_MAX];
#define NAME(part) (snprintf(name, sizeof name, "%s.%s", prefix, part), name)
    norm_init(&b->norm1, p, NAME("norm1"), c);
    attention_init(&b->attn, p, NAME("attn"), c, layer, seed);
    if (sandwich) norm_init(&b->norm1_out, p, NAME("norm1_out"), c);
    if (c->block != BLOCK_parallel) norm_init(&b->norm2, p, NAME("norm2"), c);
    mlp_init(&b->mlp, p, NAME("mlp"), c, seed);
    if (sandwich) norm_init(&b->norm2_out, p, NAME("norm2_out"), c);
#undef NAME
}

/* A norm in the residual stream itself, which is never bfloat16. */
static Tensor *norm_stream(const Norm *n, Tape *t, Tensor *x)
{
    const Bf16Mode mode = t->bf16;
    if (mode == BF16_RESULTS) t->bf16 = BF16_PRODUCTS;
    x = norm_forward(n, t, x);
    t->bf16 = mode;
    return x;
}

/* x + attention(norm1 x) + mlp(norm x): Wang & Komatsuzaki 2021 (GPT-J); Black et al. 2022,
 * arXiv:2204.06745, section 2.1. */
static Tensor *forward_parallel(const Block *b, const Gpt *g, Tape *t, Tensor *x,
                                const GptInput *in, int64_t layer)
{
    Tensor *h = norm_forward(&b->norm1, t, x), *own = h;
    if (g->config->block == BLOCK_parallel2) own = norm_forward(&b->norm2, t, x);
    x = attention_forward(&b->attn, g, t, h, x, in, layer);
    return mlp_forward(&b->mlp, g, t, own, x, in);
}

Tensor *block_forward(const Block *b, const Gpt *g, Tape *t, Tensor *x, const GptInput *in,
                      int64_t layer)
{
    const AttentionLayer *attn = &b->attn;
    const MlpLayer *mlp = &b->mlp;
    if (g->config->block != BLOCK_sequential) return forward_parallel(b, g, t, x, in, layer);
    switch (g->config->norm_place) {
    case NORM_PLACE_pre:
        x = attention_forward(attn, g, t, norm_forward(&b->norm1, t, x), x, in, layer);
        return mlp_forward(mlp, g, t, norm_forward(&b->norm2, t, x), x, in);
    case NORM_PLACE_post:
        x = norm_stream(&b->norm1, t, attention_forward(attn, g, t, x, x, in, layer));
        return norm_stream(&b->norm2, t, mlp_forward(mlp, g, t, x, x, in));
    case NORM_PLACE_sandwich: {
        Tensor *y = attention_forward(attn, g, t, norm_forward(&b->norm1, t, x), NULL, in, layer);
        x = ag_add(t, x, norm_forward(&b->norm1_out, t, y));
        y = mlp_forward(mlp, g, t, norm_forward(&b->norm2, t, x), NULL, in);
        return ag_add(t, x, norm_forward(&b->norm2_out, t, y));
    }
    }
    return x;
}

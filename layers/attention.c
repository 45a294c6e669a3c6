#include "layers/attention.h"

#include <stdio.h>
#include <string.h>

#include "layers/residual.h"
#include "layers/width.h"

void attention_init(SelfAttention *a, Params *p, const char *prefix, const GptConfig *c,
                    uint64_t seed)
{
    const int64_t head_width = c->width / c->heads, kv_width = c->kv_heads * head_width;
    snprintf(a->scope, sizeof a->scope, "%s", prefix);

    Tensor *q = width_hidden(p, prefix, "q.weight", c->width, c->width, GPT_STD, c);
    width_hidden(p, prefix, "k.weight", kv_width, c->width, GPT_STD, c);
    Tensor *v = width_hidden(p, prefix, "v.weight", kv_width, c->width, GPT_STD, c);
    a->qkv = params_span(p, q, v);
    if (c->bias) {
        q = params_vector(p, prefix, "q.bias", c->width, 0);
        params_vector(p, prefix, "k.bias", kv_width, 0);
        v = params_vector(p, prefix, "v.bias", kv_width, 0);
        a->qkv_bias = params_span(p, q, v);
    }
    a->out = width_hidden(p, prefix, "out.weight", c->width, c->width, residual_std(c), c);
    if (c->bias) a->out_bias = params_vector(p, prefix, "out.bias", c->width, 0);
    a->drop_weights = residual_stream(seed, prefix, "weights");
    a->drop_out = residual_stream(seed, prefix, "out");
}

/* Puts the columns [column, column + width) of x behind what their streams hold, and returns the rows there
 * are now of the one stream, or all that there is room for. */
static Tensor *remember(Tape *t, const GptInput *in, real *to, const Tensor *x, int64_t column,
                        int64_t width)
{
    const GptCache *cache = in->cache;
    const AttentionRows *rows = &in->attention;
    const int64_t from = shape_last(x->shape);
    for (int64_t s = 0; s < rows->segments; s++) {
        real *place = to + (cache->stream[s] * cache->capacity + cache->length) * width;
        for (int64_t i = rows->queries[s]; i < rows->queries[s + 1]; i++, place += width)
            memcpy(place, x->data + i * from + column, (size_t)width * sizeof *to);
    }
    if (rows->segments > 1) return tape_wrap(t, SHAPE(cache->streams * cache->capacity, width), to);
    return tape_wrap(t, SHAPE(cache->length + in->rows, width),
                     to + cache->stream[0] * cache->capacity * width);
}

Tensor *attention_forward(const SelfAttention *a, const Gpt *g, Tape *t, Tensor *x,
                          Tensor *residual, const GptInput *in, int64_t layer)
{
    const GptConfig *c = g->config;
    const int64_t head_width = c->width / c->heads, kv_width = c->kv_heads * head_width;
    const bool rotate = c->positions == POSITIONS_rope;
    tape_scope(t, a->scope);

    Tensor *qkv = ag_linear(t, x, a->qkv, a->qkv_bias, NULL), *q = qkv;
    if (rotate || c->qk_norm)
        q = ag_rope(t, qkv,
                    &(Rope){.heads = c->heads + c->kv_heads,
                            .head_width = head_width,
                            .normalize = c->qk_norm,
                            .eps = c->norm_eps,
                            .rotate = rotate,
                            .theta = c->rope_theta,
                            .positions = in->positions});
    Attention attr = {.heads = c->heads,
                      .kv_heads = c->kv_heads,
                      .head_width = head_width,
                      .k_column = c->width,
                      .v_column = c->width + kv_width,
                      .scale = width_score_scale(c),
                      .slopes = g->slopes,
                      .rows = in->attention,
                      .dropout = residual_dropout(g, in, a->drop_weights)};
    if (in->stats) attr.stats = in->stats[layer];

    Tensor *k = q, *v = qkv;
    if (in->cache && q && qkv) {
        const int64_t size = in->cache->streams * in->cache->capacity * kv_width;
        real *keys = in->cache->data + 2 * layer * size;
        k = remember(t, in, keys, q, attr.k_column, kv_width);
        v = remember(t, in, keys + size, qkv, attr.v_column, kv_width);
        attr.k_column = attr.v_column = 0;
    }
    Tensor *mixed = ag_attention(t, q, k, v, &attr);
    return residual_linear(g, t, mixed, a->out, a->out_bias, residual, in, a->drop_out);
}

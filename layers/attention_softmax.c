/* Self-attention: projections to q, k and v, softmax(scale q k^T) v in each head, output projection
 * (Vaswani et al. 2017, section 3.2; grouped queries: Ainslie et al. 2023, arXiv:2305.13245). */
#include "layers/attention.h"
#include "layers/attention_cache.h"
#include "layers/positions.h"
#include "layers/residual.h"
#include "layers/rope.h"
#include "layers/width.h"
#include "layers/windows.h"

typedef struct Softmax {
    Tensor *qkv, *qkv_bias;  /* [(heads + 2 kv_heads) head_width, C]: q, k and v joined */
    Tensor *out, *out_bias;  /* [C, heads head_width] */
    Tensor *q_norm, *k_norm; /* [head_width]; only with qk_norm_weight */
    Tensor *sink;            /* [heads]; only with learned_sink */
    int64_t *windows;        /* [kv_heads]; NULL: every head sees all keys */
    Rope rope;               /* what all passes have in common */
    Rng drop_weights, drop_out;
} Softmax;

static int64_t kv_width_of(const GptConfig *c)
{
    return c->kv_heads * gpt_head_width(c);
}

static int64_t q_width_of(const GptConfig *c)
{
    return c->heads * gpt_head_width(c);
}

static void windows_init(Softmax *a, Params *p, const GptConfig *c, int64_t layer)
{
    if (!windows_any(c, layer)) return;
    if (c->windows_theta > 0) a->rope.theta = c->windows_theta;
    a->windows = residual_layer(p, c->kv_heads * (int64_t)sizeof *a->windows);
    for (int64_t h = 0; a->windows && h < c->kv_heads; h++) a->windows[h] = windows_of(c, layer, h);
}

static void *init(Params *p, const char *prefix, const GptConfig *c, int64_t layer, uint64_t seed)
{
    const int64_t q_width = q_width_of(c), kv_width = kv_width_of(c);
    Softmax *a = residual_layer(p, sizeof *a);
    if (!a) return NULL;

    Tensor *q = width_hidden(p, prefix, "q.weight", q_width, c->width, GPT_STD, c);
    width_hidden(p, prefix, "k.weight", kv_width, c->width, GPT_STD, c);
    Tensor *v = width_hidden(p, prefix, "v.weight", kv_width, c->width, GPT_STD, c);
    a->qkv = params_span(p, q, v);
    if (c->bias || c->qkv_bias) {
        q = params_vector(p, prefix, "q.bias", q_width, 0);
        params_vector(p, prefix, "k.bias", kv_width, 0);
        v = params_vector(p, prefix, "v.bias", kv_width, 0);
        a->qkv_bias = params_span(p, q, v);
    }
    a->out = width_hidden(p, prefix, "out.weight", c->width, q_width, residual_std(c), c);
    if (c->bias) a->out_bias = params_vector(p, prefix, "out.bias", c->width, 0);
    if (c->qk_norm_weight) {
        a->q_norm = params_vector(p, prefix, "q_norm.weight", gpt_head_width(c), 1);
        a->k_norm = params_vector(p, prefix, "k_norm.weight", gpt_head_width(c), 1);
    }
    if (c->learned_sink) a->sink = params_vector(p, prefix, "sink", c->heads, 0);
    a->rope = (Rope){.heads = c->heads + c->kv_heads,
                     .head_width = gpt_head_width(c),
                     .eps = c->norm_eps};
    rope_init(&a->rope, p, c);
    windows_init(a, p, c, layer);
    a->drop_weights = residual_stream(seed, prefix, "weights");
    a->drop_out = residual_stream(seed, prefix, "out");
    return a;
}

/* Queries and keys, side by side, as the scores take them: normalised, and turned to their
 * positions. With a weight the norm comes first, since the weight of a column does not turn. */
static Tensor *prepare(const Softmax *a, const AttentionCall *call, Tensor *qkv)
{
    const GptConfig *c = call->gpt->config;
    const bool rotate = position_kind(c)->rotates;
    if (!rotate && !c->qk_norm) return qkv;
    Rope rope = a->rope;
    rope.normalize = c->qk_norm;
    rope.rotate = rotate && !a->q_norm;
    rope.positions = call->in->positions;
    if (rotate) rope_set_lengths(&rope, call->tape, call->in);
    Tensor *q = ag_rope(call->tape, qkv, &rope);
    if (!a->q_norm) return q;
    q = ag_scale_heads(call->tape, q, a->q_norm, a->k_norm, c->heads);
    rope.normalize = false;
    rope.rotate = rotate;
    return rotate ? ag_rope(call->tape, q, &rope) : q;
}

static Tensor *forward(const void *self, const AttentionCall *call)
{
    const Softmax *a = self;
    const Gpt *g = call->gpt;
    const GptConfig *c = g->config;
    const GptInput *in = call->in;
    Tape *t = call->tape;
    Tensor *qkv = ag_linear(t, call->x, a->qkv, a->qkv_bias, NULL), *q = prepare(a, call, qkv);
    Attention attr = {.heads = c->heads,
                      .kv_heads = c->kv_heads,
                      .head_width = gpt_head_width(c),
                      .k_column = q_width_of(c),
                      .v_column = q_width_of(c) + kv_width_of(c),
                      .scale = width_score_scale(c),
                      .softcap = c->score_softcap,
                      .slopes = g->slopes,
                      .rows = call->rows,
                      .windows = a->windows,
                      .sinks = c->sinks,
                      .sink = a->sink,
                      .dropout = residual_dropout(g, in, a->drop_weights),
                      .stats = call->stats};
    Tensor *k = q, *v = qkv;
    if (call->cache && q && qkv) {
        k = v = attention_cache_append(call, q, qkv, &attr);
    }
    Tensor *mixed = ag_attention(t, q, k, v, &attr);
    return residual_linear(g, t, mixed, a->out, a->out_bias, call->residual, in, a->drop_out);
}

const AttentionKind attention_softmax = {init, forward, attention_cache_count};

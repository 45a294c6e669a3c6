#include "layers/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/kernels/bf16.h"
#include "autograd/kernels/squares.h"
#include "layers/block.h"
#include "layers/cache.h"
#include "layers/mlp.h"
#include "layers/norm.h"
#include "layers/positions.h"
#include "layers/residual.h"
#include "layers/rope.h"
#include "layers/width.h"
#include "layers/windows.h"

void gpt_resolve(GptConfig *c)
{
    if (!c->kv_heads) c->kv_heads = c->heads;
    if (!c->mlp_width) c->mlp_width = mlp_kind(c)->auto_width(c);
}

int64_t gpt_head_width(const GptConfig *c)
{
    return c->head_width ? c->head_width : c->width / c->heads;
}

int64_t gpt_rotated(const GptConfig *c)
{
    return llround(c->rope_fraction * (double)gpt_head_width(c));
}

Status gpt_check(const GptConfig *c)
{
    if (!c->head_width && c->width % c->heads)
        return FAIL(E_CONFIG, "model.heads = %lld does not divide model.width = %lld",
                    (long long)c->heads, (long long)c->width);
    if (c->block != BLOCK_sequential && c->norm_place != NORM_PLACE_pre)
        return FAIL(E_CONFIG, "model.block = %s needs model.norm_place = pre",
                    block_text(c->block));
    if (c->qk_norm_weight && !c->qk_norm)
        return FAIL(E_CONFIG, "model.qk_norm_weight = true needs model.qk_norm = true");
    if (c->heads % c->kv_heads)
        return FAIL(E_CONFIG, "model.kv_heads = %lld does not divide model.heads = %lld",
                    (long long)c->kv_heads, (long long)c->heads);
    TRY(windows_check(c));
    const PositionKind *kind = position_kind(c);
    if (!kind->rotates) TRY(rope_check(c));
    return kind->check ? kind->check(c) : OK;
}

void gpt_init(Gpt *g, Params *p, const GptConfig *c, int64_t vocab_size, uint64_t seed)
{
    if (vocab_size < c->vocab_size) vocab_size = c->vocab_size;
    *g = (Gpt){.config = c, .vocab_size = vocab_size};
    g->embed = params_matrix(p, "embed", "weight", vocab_size, c->width, c->embed_std);
    if (position_kind(c)->init) position_kind(c)->init(g, p);
    g->drop_embed = residual_stream(seed, "embed", "out");

    g->blocks = arena_zero(&p->arena, c->layers * (int64_t)sizeof *g->blocks);
    if (!g->blocks && !p->status) p->status = FAIL(E_NOMEM, "%d blocks", (int)c->layers);
    if (p->status) return;
    for (int64_t i = 0; i < c->layers; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "blocks.%lld", (long long)i);
        block_init(&g->blocks[i], p, prefix, c, i, seed);
    }
    if (g->config->norm_place != NORM_PLACE_post) norm_init(&g->norm, p, "norm", c);
    g->head =
        c->tied ? g->embed : params_matrix(p, "head", "weight", vocab_size, c->width, c->head_std);
}

Tensor *gpt_forward(const Gpt *g, Tape *t, const GptInput *in)
{
    /* The cache holds reals, and with few rows only the memory traffic of weights counts: results
     * stay real. */
    if (g->bf16) t->bf16 = in->cache ? BF16_PRODUCTS : BF16_RESULTS;
    tape_scope(t, "embed");
    Tensor *x = ag_embedding(t, g->embed, g->position_table, in->tokens, in->positions, in->rows);
    const Dropout drop = residual_dropout(g, in, g->drop_embed);
    if (drop.rate > 0) x = ag_dropout(t, x, NULL, &drop);
    for (int64_t i = 0; i < g->config->layers; i++) {
        if (g->recompute) tape_segment_begin(t);
        x = block_forward(&g->blocks[i], g, t, x, in, i);
        if (g->recompute) x = tape_segment_end(t, x);
        if (in->squares && x && !t->dry)
            in->squares[i] = squares_of_all(x->data, shape_count(x->shape));
    }
    if (in->cache) in->cache->length += in->rows / in->attention.segments;
    if (g->config->norm_place != NORM_PLACE_post) x = norm_forward(&g->norm, t, x);
    const double ratio = width_ratio(g->config);
    return ratio == 1 ? x : ag_scale(t, x, 1 / ratio);
}

void gpt_add_loss(Tape *t, const GptInput *in, Tensor *term)
{
    if (in->extra_loss) *in->extra_loss = *in->extra_loss ? ag_add(t, *in->extra_loss, term) : term;
}

Tensor *gpt_loss(const Gpt *g, Tape *t, const GptInput *in, const CrossEntropy *loss)
{
    Tensor *extra = NULL;
    GptInput own = *in;
    own.extra_loss = &extra;
    Tensor *x = gpt_forward(g, t, &own);
    CrossEntropy capped = *loss;
    capped.softcap = g->config->logit_softcap;
    tape_scope(t, "head");
    Tensor *objective = ag_cross_entropy(t, x, g->head, &capped);
    return extra ? ag_add(t, objective, extra) : objective;
}

Tensor *gpt_next(const Gpt *g, Tape *t, const GptInput *in)
{
    Tensor *x = gpt_forward(g, t, in);
    if (!x) return NULL;
    const int64_t width = g->config->width;
    const AttentionRows *rows = &in->attention;
    Tensor *last = tape_tensor(t, SHAPE(rows->segments, width));
    for (int64_t s = 0; last && s < rows->segments; s++) {
        const int64_t at = (rows->queries[s + 1] - 1) * width;
        if (x->data)
            memcpy(last->data + s * width, x->data + at, (size_t)width * sizeof *x->data);
        else
            from_bf16(last->data + s * width, x->bf16 + at, width);
    }
    tape_scope(t, "head");
    if (g->bf16) t->bf16 = BF16_PRODUCTS; /* logits are real */
    Tensor *logits = ag_linear(t, last, g->head, NULL, NULL);
    return g->config->logit_softcap > 0 ? ag_softcap(t, logits, g->config->logit_softcap) : logits;
}

#include "layers/positions.h"

#include <math.h>

#include "layers/residual.h"
#include "layers/rope.h"

static void learned(Gpt *g, Params *p)
{
    const GptConfig *c = g->config;
    g->position_table = params_matrix(p, "positions", "weight", c->context, c->width, GPT_STD);
}

static Status check_rope(const GptConfig *c)
{
    if (gpt_rotated(c) % 2 == 0 && gpt_rotated(c)) return rope_check(c);
    if (c->rope_fraction != 1)
        return FAIL(
            E_CONFIG,
            "model.rope_fraction = %g of a head width of %lld is %lld columns: RoPE needs an "
            "even number",
            c->rope_fraction, (long long)gpt_head_width(c), (long long)gpt_rotated(c));
    if (c->head_width)
        return FAIL(E_CONFIG, "model.positions = rope needs an even model.head_width, not %lld",
                    (long long)c->head_width);
    return FAIL(E_CONFIG,
                "model.positions = rope needs an even head width; model.width / model.heads = "
                "%lld / %lld = %lld",
                (long long)c->width, (long long)c->heads, (long long)(c->width / c->heads));
}

static Status check_sinusoidal(const GptConfig *c)
{
    if (c->width % 2 == 0) return OK;
    return FAIL(E_CONFIG, "model.positions = sinusoidal needs an even model.width, not %lld",
                (long long)c->width);
}

/* Row i: sin and cos of i / 10000^(2 k / width), interleaved (Vaswani et al. 2017, section 3.5). */
static void sinusoidal(Gpt *g, Params *p)
{
    const int64_t context = g->config->context, width = g->config->width;
    Tensor *x = g->position_table = params_constant(p, SHAPE(context, width));
    if (!x) return;
    for (int64_t i = 0; i < context; i++)
        for (int64_t k = 0; k < width; k++) {
            double angle = (double)i * pow(10000, -(double)(k / 2 * 2) / (double)width);
            x->data[i * width + k] = (real)(k % 2 ? cos(angle) : sin(angle));
        }
}

/* Slopes: 2^(-8 (h + 1) / heads) for a power of two; for other numbers, the slopes of the power of
 * two below, then every other slope of twice that power (Press et al. 2021, arXiv:2108.12409, and
 * the authors' code). */
static void alibi(Gpt *g, Params *p)
{
    const int64_t heads = g->config->heads;
    double *slopes = g->slopes = arena_zero(&p->arena, heads * (int64_t)sizeof *slopes);
    int64_t below = 1;
    if (!slopes && !p->status) p->status = FAIL(E_NOMEM, "slopes of %d heads", (int)heads);
    if (!slopes) return;
    while (2 * below <= heads) below *= 2;
    for (int64_t h = 0; h < heads; h++)
        slopes[h] = h < below ? exp2(-8.0 * (double)(h + 1) / (double)below)
                              : exp2(-4.0 * (double)(2 * (h - below) + 1) / (double)below);
}

static const PositionKind kinds[] = {
    [POSITIONS_learned] = {.init = learned},
    [POSITIONS_rope] = {.check = check_rope, .rotates = true},
    [POSITIONS_sinusoidal] = {.check = check_sinusoidal, .init = sinusoidal},
    [POSITIONS_alibi] = {.init = alibi},
    [POSITIONS_none] = {.init = NULL},
};

const PositionKind *position_kind(const GptConfig *c)
{
    return &kinds[c->positions];
}

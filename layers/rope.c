#include "layers/rope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/ops/rope_scaling.h"
#include "layers/positions.h"

double rope_original(const GptConfig *c)
{
    return c->rope_original_context ? (double)c->rope_original_context
                                    : (double)c->context / c->rope_factor;
}

/* Reads numbers above 0, with blanks or commas between, into out [room]; returns how many there are,
 * -1: something else is there. */
static int64_t read_list(const char *text, double *out, int64_t room)
{
    int64_t count = 0;
    for (const char *at = text; at += strspn(at, " ,"), *at;) {
        char *end;
        const double x = strtod(at, &end);
        if (end == at || (*end && !strchr(" ,", *end)) || !(x > 0 && x <= 1e9)) return -1;
        if (count < room) out[count] = x;
        count++;
        at = end;
    }
    return count;
}

static Status check_list(const char *name, const char *text, int64_t pairs)
{
    const int64_t count = read_list(text, NULL, 0);
    if (count == pairs) return OK;
    if (count < 0)
        return FAIL(E_CONFIG, "model.%s = %s: expected numbers above 0 with blanks between", name,
                    text);
    return FAIL(
        E_CONFIG,
        "model.%s has %lld numbers; model.rope_scaling = longrope needs one for each pair of "
        "rotated columns, %lld",
        name, (long long)count, (long long)pairs);
}

static Status check_kind(const GptConfig *c)
{
    const int64_t pairs = gpt_rotated(c) / 2;
    if (c->rope_scaling == ROPE_SCALING_yarn && c->rope_beta_fast <= c->rope_beta_slow)
        return FAIL(E_CONFIG, "model.rope_beta_fast = %g must be above model.rope_beta_slow = %g",
                    c->rope_beta_fast, c->rope_beta_slow);
    if (c->rope_scaling == ROPE_SCALING_llama3 &&
        c->rope_high_freq_factor <= c->rope_low_freq_factor)
        return FAIL(
            E_CONFIG,
            "model.rope_high_freq_factor = %g must be above model.rope_low_freq_factor = %g",
            c->rope_high_freq_factor, c->rope_low_freq_factor);
    if (c->rope_scaling != ROPE_SCALING_longrope) return OK;
    TRY(check_list("rope_factors_short", c->rope_factors_short, pairs));
    return check_list("rope_factors_long", c->rope_factors_long, pairs);
}

Status rope_check(const GptConfig *c)
{
    if (c->rope_scaling == ROPE_SCALING_none) return OK;
    if (!position_kind(c)->rotates)
        return FAIL(E_CONFIG, "model.rope_scaling = %s needs model.positions = rope",
                    rope_scaling_text(c->rope_scaling));
    if (c->rope_factor <= 1)
        return FAIL(E_CONFIG,
                    "model.rope_scaling = %s needs a model.rope_factor above 1: how many times as "
                    "long contexts become",
                    rope_scaling_text(c->rope_scaling));
    if (rope_original(c) < 2)
        return FAIL(E_CONFIG,
                    "model.rope_factor = %g leaves an original context of %g of model.context = "
                    "%lld; expected at least 2",
                    c->rope_factor, rope_original(c), (long long)c->context);
    return check_kind(c);
}

static double *list_of(Params *p, const char *text, int64_t pairs)
{
    double *list = arena_take(&p->arena, pairs * (int64_t)sizeof *list);
    if (list)
        read_list(text, list, pairs);
    else if (!p->status)
        p->status = FAIL(E_NOMEM, "%lld factors", (long long)pairs);
    return list;
}

void rope_init(Rope *r, Params *p, const GptConfig *c)
{
    const int64_t pairs = gpt_rotated(c) / 2;
    r->theta = c->rope_theta;
    r->rotated = gpt_rotated(c);
    r->stretch = (RopeStretch){.kind = c->rope_scaling,
                               .factor = c->rope_factor,
                               .original = rope_original(c),
                               .beta_fast = c->rope_beta_fast,
                               .beta_slow = c->rope_beta_slow,
                               .low_freq_factor = c->rope_low_freq_factor,
                               .high_freq_factor = c->rope_high_freq_factor};
    if (c->rope_scaling != ROPE_SCALING_longrope) return;
    r->stretch.factors_short = list_of(p, c->rope_factors_short, pairs);
    r->stretch.factors_long = list_of(p, c->rope_factors_long, pairs);
}

void rope_set_lengths(Rope *r, Tape *t, const GptInput *in)
{
    if (!rope_depends_on_length(&r->stretch)) return;
    int32_t *lengths = tape_take(t, in->rows * (int64_t)sizeof *lengths);
    r->lengths = lengths;
    if (!lengths || t->dry) return;
    const AttentionRows *a = &in->attention;
    for (int64_t s = 0; s < a->segments; s++)
        for (int32_t i = a->queries[s]; i < a->queries[s + 1]; i++)
            lengths[i] =
                in->rope_length ? (int32_t)in->rope_length : a->queries[s + 1] - a->queries[s];
}

void rope_keep_original(GptConfig *c, const GptConfig *trained)
{
    if (c->rope_scaling == ROPE_SCALING_none || c->rope_original_context) return;
    c->rope_original_context = trained->rope_scaling == ROPE_SCALING_none
                                   ? trained->context
                                   : (int64_t)(rope_original(trained) + 0.5);
}

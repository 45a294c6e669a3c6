/* RoPE beyond the trained context: frequencies of published formulas, what is refused, texts of
 * different lengths beside each other. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "autograd/ops/rope_scaling.h"
#include "layers/rope.h"
#include "train/config/config.h"

#define NEAR(value, expected)                                                                \
    cr_assert(fabs((value) - (expected)) < 1e-9 * fabs(expected), "%.12g, not %.12g", value, \
              expected)

/* Head width 8, theta 10000, trained context 64, four times as long. */
static RopeStretch stretch(RopeScaling kind)
{
    return (RopeStretch){.kind = kind,
                         .factor = 4,
                         .original = 64,
                         .beta_fast = 32,
                         .beta_slow = 1,
                         .low_freq_factor = 1,
                         .high_freq_factor = 4};
}

static double frequency(RopeScaling kind, int64_t i, int64_t length)
{
    const RopeStretch s = stretch(kind);
    return rope_frequency(&s, 1e4, 8, i, length);
}

Test(rope, frequencies)
{
    static const double plain[] = {1, .1, .01, .001}, ntk[] = {1, .0629960525, .0039685026, .00025},
                        yarn[] = {1, .0625, .0025, .00025},
                        llama3[] = {1, .0254647909, .0025, .00025};
    for (int64_t i = 0; i < 4; i++) {
        NEAR(frequency(ROPE_SCALING_none, i, 0), plain[i]);
        NEAR(frequency(ROPE_SCALING_linear, i, 0), plain[i] / 4);
        cr_assert(fabs(frequency(ROPE_SCALING_ntk, i, 0) / ntk[i] - 1) < 1e-8);
        NEAR(frequency(ROPE_SCALING_yarn, i, 0), yarn[i]);
        cr_assert(fabs(frequency(ROPE_SCALING_llama3, i, 0) / llama3[i] - 1) < 1e-8);
        NEAR(frequency(ROPE_SCALING_dynamic, i, 64), plain[i]);
        /* At n = original, as NTK with factor 1; at twice that, with factor 2 x 4 - 3. */
        NEAR(frequency(ROPE_SCALING_dynamic, i, 128),
             pow(1e4 * pow(5, 8.0 / 6), -2.0 * (double)i / 8));
    }
    const RopeStretch s = stretch(ROPE_SCALING_yarn), other = stretch(ROPE_SCALING_ntk);
    NEAR(rope_magnitude(&s), 1.1386294361);
    NEAR(rope_magnitude(&other), 1.0);
}

Test(rope, longrope)
{
    static const double near[] = {1, 1, 1, 2}, far[] = {1, 2, 3, 4};
    RopeStretch s = stretch(ROPE_SCALING_longrope);
    s.factors_short = near;
    s.factors_long = far;
    NEAR(rope_frequency(&s, 1e4, 8, 3, 64), .0005);
    NEAR(rope_frequency(&s, 1e4, 8, 3, 65), .00025);
    NEAR(rope_magnitude(&s), sqrt(1 + log(4) / log(64)));
}

static void refuses(const char *setting, const char *other, const char *words)
{
    Config c;
    static const char text[] = "model: {positions: rope, context: 256}\n";
    const char *const settings[] = {setting, other};
    const Status status = config_parse(&c, text, sizeof text - 1, "t.yaml", 2, settings);
    cr_assert_eq(status, E_CONFIG, "%s", setting);
    cr_assert(strstr(error_message(), words), "\"%s\" is not in: %s", words, error_message());
}

Test(rope, refused)
{
    refuses("model.rope_scaling=yarn", "model.layers=2", "needs a model.rope_factor above 1");
    refuses("model.rope_scaling=linear", "model.rope_factor=200", "original context of 1.28");
    refuses("model.rope_scaling=odd", "model.layers=2", "model.rope_scaling = odd");
    refuses("model.rope_scaling=longrope", "model.rope_factor=4",
            "model.rope_factors_short has 0 numbers");
    refuses("model.rope_scaling=ntk", "model.positions=learned", "needs model.positions = rope");
}

#include "autograd/ops/rope_scaling.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

bool rope_depends_on_length(const RopeStretch *s)
{
    return s->kind == ROPE_SCALING_dynamic || s->kind == ROPE_SCALING_longrope;
}

double rope_magnitude(const RopeStretch *s)
{
    if (s->kind == ROPE_SCALING_yarn) return 0.1 * log(s->factor) + 1;
    if (s->kind == ROPE_SCALING_longrope) return sqrt(1 + log(s->factor) / log(s->original));
    return 1;
}

/* Base of the wavelengths, raised so that the longest becomes `factor` times as long: "NTK-aware"
 * (bloc97 2023; Peng et al. 2023, arXiv:2309.00071, section 3.1). */
static double raised(double theta, double factor, int64_t d)
{
    return d > 2 ? theta * pow(factor, (double)d / (double)(d - 2)) : theta;
}

/* The pair that turns `turns` times within the original context. */
static double pair_of(const RopeStretch *s, double theta, int64_t d, double turns)
{
    return (double)d * log(s->original / (2 * pi * turns)) / (2 * log(theta));
}

/* YaRN (Peng et al. 2023, section 3.2): pairs that turn often keep their frequency, those that turn
 * less than once are interpolated, and there is a ramp between. */
static double yarn(const RopeStretch *s, double theta, int64_t d, int64_t i, double w)
{
    const double low = fmax(floor(pair_of(s, theta, d, s->beta_fast)), 0);
    double high = fmin(ceil(pair_of(s, theta, d, s->beta_slow)), (double)(d - 1));
    if (high == low) high += 0.001;
    const double ramp = fmin(fmax(((double)i - low) / (high - low), 0), 1);
    return w * (1 - ramp) + w / s->factor * ramp;
}

/* Llama 3.1 (Grattafiori et al. 2024, arXiv:2407.21783, and Meta's code). */
static double llama3(const RopeStretch *s, double w)
{
    const double turns = s->original * w / (2 * pi); /* within the original context */
    if (turns > s->high_freq_factor) return w;
    if (turns < s->low_freq_factor) return w / s->factor;
    const double t = (turns - s->low_freq_factor) / (s->high_freq_factor - s->low_freq_factor);
    return (1 - t) * w / s->factor + t * w;
}

double rope_frequency(const RopeStretch *s, double theta, int64_t d, int64_t i, int64_t length)
{
    const double exponent = -2.0 * (double)i / (double)d, w = pow(theta, exponent);
    const bool is_long = (double)length > s->original;
    switch (s->kind) {
    case ROPE_SCALING_none: return w;
    case ROPE_SCALING_linear: return w / s->factor;
    case ROPE_SCALING_ntk: return pow(raised(theta, s->factor, d), exponent);
    case ROPE_SCALING_dynamic:
        if (!is_long) return w;
        return pow(raised(theta, s->factor * (double)length / s->original - (s->factor - 1), d),
                   exponent);
    case ROPE_SCALING_yarn: return yarn(s, theta, d, i, w);
    case ROPE_SCALING_llama3: return llama3(s, w);
    case ROPE_SCALING_longrope: return w / (is_long ? s->factors_long : s->factors_short)[i];
    }
    return w;
}

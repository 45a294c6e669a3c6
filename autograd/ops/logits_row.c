#include "autograd/ops/logits_row.h"

#include <math.h>

#include "autograd/kernels/bf16.h"

enum {
    PART = 512,    /* classes that share a maximum */
    PREFETCH = 64, /* classes between two prefetches */
};

int64_t logits_parts(int64_t classes)
{
    return (classes + PART - 1) / PART;
}

/* Replaces each l by exp(l - m), with m the largest l up to the end of its part, stored in
 * maxima[part]. So one pass is enough, and the next parts are prefetched meanwhile. Returns the sum
 * of exp(l - last m); partial sums keep rounding errors small. */
VECTOR static double exponentials(real *l, int64_t count, real *maxima)
{
    double total = 0;
    real max = l[0];
    for (int64_t i = 0; i < count; i += PART) {
        const int64_t stop = i + PART < count ? i + PART : count;
        const real before = max;
        max = vector_max(l + i, stop - i, max);
        if (max > before) total *= exp((double)before - (double)max);
        for (int64_t j = i; j < stop; j += PREFETCH) {
            const int64_t end = j + PREFETCH < stop ? j + PREFETCH : stop;
            vector_prefetch(l + j + 2 * PART, PREFETCH);
            for (int64_t c = j; c < end; c++) l[c] = vexp(l[c] - max);
        }
        total += (double)vector_sum(l + i, stop - i);
        *maxima++ = max;
    }
    return total;
}

VECTOR static double sum_of(const real *l, int64_t count)
{
    double total = 0;
    for (int64_t i = 0; i < count; i += PART)
        total += (double)vector_sum(l + i, count - i < PART ? count - i : PART);
    return total;
}

VECTOR static void scale_shift(real *x, int64_t count, real factor, real shift)
{
    for (int64_t i = 0; i < count; i++) x[i] = factor * x[i] + shift;
}

VECTOR static void scale_shift_bf16(bf16 *restrict y, const real *restrict x, int64_t count,
                                    real factor, real shift)
{
    for (int64_t i = 0; i < count; i++) y[i] = bf16_of(factor * x[i] + shift);
}

/* Turns exponentials into the gradient: factor * exp(l - max) + shift, except for the target, which
 * gets of_target. */
static void gradient(const LogitsRow *x, double rate, double max, real shift, real of_target)
{
    const int32_t target = x->loss->targets[x->row];
    for (int64_t at = 0; at < x->classes; at += PART) {
        const int64_t size = x->classes - at < PART ? x->classes - at : PART;
        const real factor = (real)(rate * exp((double)x->maxima[at / PART] - max));
        if (x->g)
            scale_shift_bf16(x->g + at, x->logits + at, size, factor, shift);
        else
            scale_shift(x->logits + at, size, factor, shift);
    }
    if (x->g)
        x->g[target] = bf16_of(of_target);
    else
        x->logits[target] = of_target;
}

/* Caps the logits; slopes: the derivative of each by what it was. */
VECTOR static void cap_logits(const LogitsRow *x)
{
    const real cap = (real)x->loss->softcap, part = 1 / cap;
    real *restrict l = x->logits, *restrict slopes = x->slopes;
    for (int64_t i = 0; i < x->classes; i++) {
        const real share = vtanh(part * l[i]);
        l[i] = cap * share;
        slopes[i] = 1 - share * share;
    }
}

VECTOR static void cap_gradient(const LogitsRow *x)
{
    const real *slopes = x->slopes;
    if (x->g)
        for (int64_t i = 0; i < x->classes; i++) x->g[i] = bf16_of(bf16_real(x->g[i]) * slopes[i]);
    else
        for (int64_t i = 0; i < x->classes; i++) x->logits[i] *= slopes[i];
}

double logits_row(const LogitsRow *x)
{
    if (x->loss->softcap > 0) cap_logits(x);
    const CrossEntropy *c = x->loss;
    const double classes = (double)x->classes, logit = x->logits[c->targets[x->row]],
                 factor = (c->weights ? c->weights[x->row] : 1) * c->scale,
                 sum = c->smoothing > 0 ? sum_of(x->logits, x->classes) : 0,
                 over = exponentials(x->logits, x->classes, x->maxima),
                 max = x->maxima[logits_parts(x->classes) - 1], z = max + log(over);

    if (c->row_loss) c->row_loss[x->row] = (real)(z - logit);
    if (c->row_logz) c->row_logz[x->row] = (real)z;
    if (x->wants_grad) {
        const double g = factor * x->seed, rate = g * (1 + 2 * c->z_loss * z) / over;
        const real shift = (real)(-g * c->smoothing / classes);
        gradient(x, rate, max, shift,
                 (real)(rate * exp(logit - max) - g * (1 - c->smoothing)) + shift);
        if (c->softcap > 0) cap_gradient(x);
    }
    return factor *
           ((1 - c->smoothing) * (z - logit) +
            (c->smoothing > 0 ? c->smoothing * (z - sum / classes) : 0) + c->z_loss * z * z);
}

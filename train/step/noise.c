#include "train/step/noise.h"

#include <math.h>

#include "train/step/microbatch.h"

/* The weight of the losses of sequences [first, end). */
static double weight_of(const Batch *b, int64_t first, int64_t end)
{
    double sum = 0;
    for (int64_t r = first * b->context; r < end * b->context; r++)
        if (b->targets[r] >= 0) sum += b->has_weights ? (double)b->weights[r] : 1;
    return sum;
}

/* Sequences before group g. */
static int64_t first_of(const Batch *b, int64_t g, int64_t microbatches, int64_t groups)
{
    return microbatch_first(b->sequences, microbatch_first(microbatches, g, groups), microbatches);
}

void noise_sample(const Batch *b, int64_t microbatches, int64_t groups, const double *squares,
                  NoiseSample *out)
{
    *out = (NoiseSample){0};
    if (groups < 2) return;
    const double all = weight_of(b, 0, b->sequences);
    for (int64_t g = 0; g < groups; g++) {
        const double one = weight_of(b, first_of(b, g, microbatches, groups),
                                     first_of(b, g + 1, microbatches, groups));
        if (!(one > 0)) continue;
        out->groups++;
        out->squares += squares[g] * all / one;
    }
}

void noise_add(NoiseScale *n, const NoiseSample *s, double grad_norm, double tokens)
{
    const double groups = (double)s->groups, square = grad_norm * grad_norm;
    if (s->groups < 2 || !isfinite(s->squares) || !isfinite(square)) return;
    const double trace = tokens * (s->squares - square) / (groups - 1),
                 length = (groups * square - s->squares) / (groups - 1);
    n->trace = NOISE_MEMORY * n->trace + (1 - NOISE_MEMORY) * trace;
    n->square = NOISE_MEMORY * n->square + (1 - NOISE_MEMORY) * length;
}

double noise_scale(const NoiseScale *n)
{
    return n->square > 0 && n->trace > 0 ? n->trace / n->square : NAN;
}

void noise_write(const NoiseScale *n, double numbers[NOISE_NUMBERS])
{
    numbers[0] = n->trace;
    numbers[1] = n->square;
}

void noise_read(NoiseScale *n, const double *numbers, int64_t count)
{
    *n = (NoiseScale){0};
    if (!numbers || count != NOISE_NUMBERS) return;
    *n = (NoiseScale){numbers[0], numbers[1]};
}

#include "train/step/noise.h"

#include <math.h>

/* What the losses of the sequences [first, end) weigh. */
static double weight_of(const Batch *b, int64_t first, int64_t end)
{
    double sum = 0;
    for (int64_t r = first * b->context; r < end * b->context; r++)
        if (b->targets[r] >= 0) sum += b->has_weights ? (double)b->weights[r] : 1;
    return sum;
}

void noise_sample(const Batch *b, int64_t microbatches, const double *squares, NoiseSample *out)
{
    *out = (NoiseSample){0};
    if (microbatches < 2) return;
    const double all = weight_of(b, 0, b->sequences);
    for (int64_t k = 0; k < microbatches; k++) {
        const double one =
            weight_of(b, k * b->sequences / microbatches, (k + 1) * b->sequences / microbatches);
        if (!(one > 0)) continue;
        out->microbatches++;
        out->squares += squares[k] * all / one;
    }
}

void noise_add(NoiseScale *n, const NoiseSample *s, double grad_norm, double tokens)
{
    const double microbatches = (double)s->microbatches, square = grad_norm * grad_norm;
    if (s->microbatches < 2 || !isfinite(s->squares) || !isfinite(square)) return;
    const double trace = tokens * (s->squares - square) / (microbatches - 1),
                 length = (microbatches * square - s->squares) / (microbatches - 1);
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

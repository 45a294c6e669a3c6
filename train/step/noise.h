/* The gradient noise scale: B_simple = tr(Sigma) / |G|^2, in tokens (McCandlish et al. 2018, arXiv:1812.06162,
 * appendix A.1). G is the true gradient, Sigma the covariance of a single token's. Batches much smaller than
 * it waste updates, much larger ones tokens.
 *
 * The microbatches of a batch are its small batches: microbatch k of L has the share w_k of the batch's M tokens, and its
 * gradient G_k, of its own mean loss, has E |G_k|^2 = |G|^2 + tr(Sigma) / (w_k M). With Q = sum of w_k |G_k|^2
 * and the batch's gradient G_b these are unbiased, whatever the shares:
 *
 *     tr(Sigma) ~ M (Q - |G_b|^2) / (L - 1),    |G|^2 ~ (L |G_b|^2 - Q) / (L - 1)
 *
 * Their ratio is not, so each is averaged over updates first, with weights that fall by NOISE_MEMORY an update.
 * Tokens of one sequence are not independent: the scale is that of whole sequences, counted in tokens. */
#ifndef TRAIN_STEP_NOISE_H
#define TRAIN_STEP_NOISE_H

#include "data/batch.h"

#define NOISE_MEMORY 0.99

/* Of the microbatches of one batch. */
typedef struct NoiseSample {
    int64_t microbatches; /* that have a loss: L */
    double squares;       /* Q */
} NoiseSample;

enum { NOISE_NUMBERS = 2 };

/* What is remembered of them; 0 at first. */
typedef struct NoiseScale {
    double trace, square; /* weighted sums of the two estimates */
} NoiseScale;

/* squares: [microbatches], of each microbatch's gradient times its share of the weight of all losses, as microbatches_step() sums them
 * (train/step/microbatches.h). */
void noise_sample(const Batch *b, int64_t microbatches, const double *squares, NoiseSample *out);

/* An update was made on a gradient this long, of so many tokens. Nothing is learnt from a single microbatch, or
 * from what is not finite. */
void noise_add(NoiseScale *n, const NoiseSample *s, double grad_norm, double tokens);

/* NAN: not known (a single microbatch; or so noisy that |G|^2 cannot be told from 0). */
double noise_scale(const NoiseScale *n);

/* For checkpoints; numbers NULL: nothing is known. */
void noise_write(const NoiseScale *n, double numbers[NOISE_NUMBERS]);
void noise_read(NoiseScale *n, const double *numbers, int64_t count);

#endif

/* The gradient noise scale: B_simple = tr(Sigma) / |G|^2, in tokens (McCandlish et al. 2018,
 * arXiv:1812.06162, appendix A.1). G is the true gradient, Sigma the covariance of the gradient of
 * a single token. Much smaller batches than that waste steps, much larger ones waste tokens.
 *
 * The groups of micro-batches serve as the small batches: group k of L has the share w_k of the
 * batch's N tokens, and the gradient G_k of its own mean loss has E |G_k|^2 = |G|^2 + tr(Sigma) /
 * (w_k N). With Q = sum of w_k |G_k|^2 and the gradient G_b of the whole batch, these are unbiased,
 * whatever the shares:
 *
 *     tr(Sigma) ~ N (Q - |G_b|^2) / (L - 1),    |G|^2 ~ (L |G_b|^2 - Q) / (L - 1)
 *
 * Their ratio is not unbiased, so each is averaged over steps first, with weights that fall by
 * NOISE_MEMORY a step. Tokens of one sequence are not independent: the scale is that of whole
 * sequences, counted in tokens. */
#ifndef TRAIN_STEP_NOISE_H
#define TRAIN_STEP_NOISE_H

#include "data/batch.h"

#define NOISE_MEMORY 0.99

/* Of the groups of one batch. */
typedef struct NoiseSample {
    int64_t groups; /* that have a loss: L */
    double squares; /* Q */
} NoiseSample;

enum { NOISE_NUMBERS = 2 };

/* Weighted sums of the two estimates; 0 at first. */
typedef struct NoiseScale {
    double trace, square;
} NoiseScale;

/* squares: [groups], |gradient|^2 of each group's part of the batch's mean loss (so w_k^2 |G_k|^2).
 * microbatches: in the batch. */
void noise_sample(const Batch *b, int64_t microbatches, int64_t groups, const double *squares,
                  NoiseSample *out);

/* Adds a step: the norm of its gradient, and its tokens. Does nothing if there is a single group,
 * or if a number is not finite. */
void noise_add(NoiseScale *n, const NoiseSample *s, double grad_norm, double tokens);

/* NAN: unknown (a single group; or too noisy to tell |G|^2 from 0). */
double noise_scale(const NoiseScale *n);

/* For checkpoints; numbers NULL: nothing is known. */
void noise_write(const NoiseScale *n, double numbers[NOISE_NUMBERS]);
void noise_read(NoiseScale *n, const double *numbers, int64_t count);

#endif

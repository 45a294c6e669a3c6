/* Sampling of the next token from the model's logits. */
#ifndef TRAIN_GENERATE_SAMPLER_H
#define TRAIN_GENERATE_SAMPLER_H

#include "autograd/base/error.h"
#include "autograd/tensor.h"

typedef struct SamplerParams {
    double temperature; /* divides the logits; 0: always the likeliest token */
    int64_t top_k;      /* the k likeliest tokens (Fan et al. 2018, arXiv:1805.04833); 0: all */
    double top_p; /* the smallest set of them with at least this probability (nucleus sampling:
                         * Holtzman et al. 2020, arXiv:1904.09751); 1: all */
} SamplerParams;

typedef struct Candidate {
    real logit, weight;
    int32_t token;
} Candidate;

/* Samples a token from its logits [count]. uniform: a random number in [0, 1). scratch: [count].
 * Of equally likely tokens the lower number comes first. E_NUMERIC: a logit is not finite. */
Status sampler_choose(const real *logits, int64_t count, const SamplerParams *c, double uniform,
                      Candidate *scratch, int32_t *token);

#endif

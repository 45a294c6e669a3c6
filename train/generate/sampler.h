/* Sampling of the next token from logits: temperature, then limits, each on what the one before
 * left: top-k, top-p, min-p, typical-p. */
#ifndef TRAIN_GENERATE_SAMPLER_H
#define TRAIN_GENERATE_SAMPLER_H

#include "autograd/base/error.h"
#include "autograd/tensor.h"

typedef struct SamplerParams {
    double temperature; /* divides the logits; 0: always the likeliest token */
    int64_t top_k;      /* the k likeliest tokens (Fan et al. 2018, arXiv:1805.04833); 0: all */
    double top_p;     /* the smallest set of them with at least this probability (nucleus sampling:
                         * Holtzman et al. 2020, arXiv:1904.09751); 1: all */
    double min_p;     /* tokens at least this times as probable as the likeliest; 0: all */
    double typical_p; /* see typical_p.c; 0 or 1: all */
} SamplerParams;

typedef struct Candidate {
    real logit, weight; /* weight: proportional to the probability */
    int32_t token;
} Candidate;

typedef struct Sampled {
    int32_t token;
    double probability; /* in what it was sampled from */
} Sampled;

/* Samples a token from its logits [count]. uniform: a random number in [0, 1). scratch: [count].
 * Of equally likely tokens the lower number comes first. E_NUMERIC: a logit is not finite. */
Status sampler_choose(const real *logits, int64_t count, const SamplerParams *c, double uniform,
                      Candidate *scratch, Sampled *out);

/* The limits that look at each token that is left: they move those that stay to the front of
 * kept [count] and return their number, at least 1. */
int64_t limit_min_p(double min_p, Candidate *kept, int64_t count);
int64_t limit_typical_p(double typical_p, Candidate *kept, int64_t count);

#endif

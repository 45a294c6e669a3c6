/* Choosing the next token from what the model expects. */
#ifndef TRAIN_GENERATE_SAMPLER_H
#define TRAIN_GENERATE_SAMPLER_H

#include "autograd/base/error.h"
#include "autograd/tensor.h"

typedef struct Choosing {
    double temperature; /* logits are divided by it; 0: always the likeliest token */
    int64_t top_k;      /* only the k likeliest (Fan et al. 2018, arXiv:1805.04833); 0: all */
    double top_p;       /* of those, the fewest that make up this share (Holtzman et al. 2020,
                     arXiv:1904.09751); 1: all */
} Choosing;

typedef struct Candidate {
    real logit, weight;
    int32_t token;
} Candidate;

/* A token by its logits [count]. uniform: a random number in [0, 1). scratch: [count]. Of equally likely
 * ones the lower number comes first. E_NUMERIC if a logit is not a number. */
Status choose_token(const real *logits, int64_t count, const Choosing *c, double uniform,
                    Candidate *scratch, int32_t *token);

#endif

/* Log-probabilities of the tokens of a sample. */
#ifndef TRAIN_GENERATE_LOG_PROB_H
#define TRAIN_GENERATE_LOG_PROB_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "autograd/tensor.h"

typedef struct LikelyToken {
    int32_t token;
    double log_prob;
} LikelyToken;

typedef struct TokenLogProb {
    int32_t token;
    double log_prob;  /* of the model: before bias, penalties and temperature */
    double sampling;  /* of what the token was sampled from: after all of them */
    LikelyToken *top; /* the model's likeliest tokens, likeliest first */
} TokenLogProb;

/* What a sample's log-probabilities are kept in. */
typedef struct LogProbs {
    int64_t count, room;
    TokenLogProb *all;
} LogProbs;

/* log sum of exp(x [count]), in double. */
double log_sum_exp(const real *x, int64_t count);

/* Appends the token, with the `top` likeliest tokens of the model's logits. sampling: its
 * probability there. Lives in a. */
Status log_probs_add(LogProbs *l, Arena *a, const real *logits, int64_t vocab_size, int64_t top,
                     int32_t token, double sampling);

#endif

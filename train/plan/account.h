/* Accounting: how large a model is, and what a token of training costs, by conventions that have names.
 *
 * A convention's number is floating-point operations a token, forward and backward, of matrix products only.
 * N: parameters, L: layers, H: heads, Q: head width, T: context.
 *
 *   6N                  N: all                                          Hoffmann et al. 2022, 2203.15556
 *   6N_non_embedding    N: without embeddings, positions and head       Kaplan et al. 2020, 2001.08361
 *   6N+12LHQT           N: without positions and, if untied, embed      Chowdhery et al. 2022, 2204.02311, app. B
 *   products            each product of the forward pass, scores over the full context, times 3
 *                       (gpt_flops(); Hoffmann et al. 2022, app. F)
 *   exact               what the ops themselves count of the batches at hand (OpWork.operations): of scores
 *                       those that the masks let through, of the output layer the rows that have a loss; a
 *                       token is one that has a loss. train.recompute's second forward is not counted
 *
 * 6N is wrong where models are small: there scores and the output layer are most of the work. */
#ifndef TRAIN_PLAN_ACCOUNT_H
#define TRAIN_PLAN_ACCOUNT_H

#include "autograd/profile.h"
#include "data/batch.h"
#include "layers/gpt.h"

/* X(constant, name, what it counts, in a few words) */
#define FLOPS_LIST(X)                                                                         \
    X(FLOPS_6N, "6N", "6 a parameter and token")                                              \
    X(FLOPS_NON_EMBEDDING, "6N_non_embedding", "6 a parameter and token, without embeddings") \
    X(FLOPS_ATTENTION, "6N+12LHQT", "6 a parameter and token, and attention's scores")        \
    X(FLOPS_PRODUCTS, "products", "all matrix products, scores over the whole context")       \
    X(FLOPS_EXACT, "exact", "all matrix products, of scores what masks let through")

#define X(constant, name, text) constant,
typedef enum FlopsKind { FLOPS_LIST(X) FLOPS_COUNT } FlopsKind;
#undef X

typedef struct Account {
    int64_t params;
    int64_t params_embedding;  /* of these: embed, positions, and head if untied */
    double flops[FLOPS_COUNT]; /* a token; exact: of whole causal windows, until account_data() */
} Account;

const char *flops_name(FlopsKind kind);
const char *flops_text(FlopsKind kind);
bool flops_find(const char *name, FlopsKind *kind); /* false: there is no such convention */

/* From shapes alone; c is resolved. E_NOMEM. */
Status account_model(const GptConfig *c, int64_t vocab_size, Account *a);

/* The same of declared parameters. */
void account_params(const GptConfig *c, int64_t vocab_size, const Params *p, Account *a);

/* Sets exact to what the training batches cost: the mean over the first `draws` of them (fewer than that make
 * an epoch: of an epoch). E_DATA, E_CONFIG, E_NOMEM. */
Status account_data(const GptConfig *c, const Batches *b, int64_t draws, Account *a);

/* Operations of one batch, forward and backward, by formula: equal to account_profile() of a step on it. */
double account_batch(const GptConfig *c, int64_t vocab_size, const Batch *b);
double account_profile(const Profile *p);

#endif

/* Accounting: the size of a model, and the FLOPs of training it by five conventions.
 *
 * Each convention gives FLOPs of matrix products per token, forward and backward.
 * N: parameters, L: layers, H: heads, Q: head width, T: context.
 *
 *   6N                  N: all (Hoffmann et al. 2022, arXiv:2203.15556)
 *   6N_non_embedding    N: without embeddings, positions and head (Kaplan et al. 2020,
 *                       arXiv:2001.08361)
 *   6N+12LHQT           N: without positions and, if untied, embed (Chowdhery et al. 2022,
 *                       arXiv:2204.02311, appendix B)
 *   products            all products of the forward pass, scores over the full context, times 3
 *                       (Hoffmann et al. 2022, app. F)
 *   exact               all products of the given batches: scores of unmasked keys only, the output
 *                       layer for rows with a loss only, per token with a loss
 *
 * No convention counts the second forward pass of train.recompute. The last three come from the
 * ops' own counts (layers/cost.h). 6N is wrong for small models, where scores and the output layer
 * are most of the work. */
#ifndef TRAIN_PLAN_ACCOUNT_H
#define TRAIN_PLAN_ACCOUNT_H

#include "autograd/profile.h"
#include "data/batch.h"
#include "layers/gpt.h"

/* X(constant, name, short description) */
#define FLOPS_LIST(X)                                                                           \
    X(FLOPS_6N, "6N", "6 per parameter and token")                                              \
    X(FLOPS_NON_EMBEDDING, "6N_non_embedding", "6 per parameter and token, without embeddings") \
    X(FLOPS_ATTENTION, "6N+12LHQT", "6 per parameter and token, and attention scores")          \
    X(FLOPS_PRODUCTS, "products", "all matrix products, scores over the whole context")         \
    X(FLOPS_EXACT, "exact", "all matrix products, scores of unmasked pairs only")

#define X(constant, name, text) constant,
typedef enum FlopsKind { FLOPS_LIST(X) FLOPS_COUNT } FlopsKind;
#undef X

typedef struct Account {
    int64_t params;
    int64_t params_embedding;  /* of these: embed, positions, and head if untied */
    int64_t params_lookup;     /* of these: positions, and embed if untied; no product reads them */
    double flops[FLOPS_COUNT]; /* per token; exact: of whole causal windows until account_data() */
} Account;

const char *flops_name(FlopsKind kind);
const char *flops_text(FlopsKind kind);
bool flops_find(const char *name, FlopsKind *kind); /* false: there is no such convention */

/* c is resolved. Needs no memory for parameters. E_NOMEM. */
Status account_model(const GptConfig *c, int64_t vocab_size, Account *a);

/* The same of a model whose parameters are declared in p. */
Status account_params(const Gpt *g, const Params *p, Account *a);

/* Sets `exact` to the mean over the first `draws` training batches, or over an epoch if that is
 * shorter. E_DATA, E_CONFIG, E_NOMEM. */
Status account_data(const GptConfig *c, const Batches *b, int64_t draws, Account *a);

/* FLOPs of one batch, forward and backward. E_NOMEM. */
Status account_batch(const Gpt *g, const Batch *b, double *flops);

/* FLOPs of the forward and backward passes that a profile has seen. */
double account_profile(const Profile *p);

#endif

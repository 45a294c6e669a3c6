/* Attention, the first half of a block: x [R, C] -> [R, C]. Kinds of attention are rows of a table
 * in attention.c; each is a file of its own, attention_*.c. */
#ifndef LAYERS_ATTENTION_H
#define LAYERS_ATTENTION_H

#include "layers/gpt.h"

/* The arguments of one layer's forward pass. */
typedef struct AttentionCall {
    const Gpt *gpt;
    Tape *tape;
    Tensor *x;        /* [R, C] */
    Tensor *residual; /* [R, C], to be added to the result; NULL: none */
    const GptInput *in;
    AttentionRows rows;   /* the keys that each row sees in this layer */
    AttentionStats stats; /* fields that are not NULL are filled */
    int64_t layer;
    real *cache; /* this layer's part of in->cache: cache_layer(); NULL: none */
} AttentionCall;

struct AttentionKind {
    /* Declares the parameters under prefix ("blocks.3.attn") and returns the layer's own data, in
     * p's arena; NULL after a fault, which p holds. seed: of dropout. */
    void *(*init)(Params *p, const char *prefix, const GptConfig *c, int64_t layer, uint64_t seed);

    /* [R, C]. self: what init returned. */
    Tensor *(*forward)(const void *self, const AttentionCall *call);

    /* Numbers in the KV cache that one stream of `tokens` tokens takes in a layer. The first
     * cache_count(n) numbers of a stream must be all that its first n tokens need. */
    int64_t (*cache_count)(const GptConfig *c, int64_t layer, int64_t tokens);
};

/* Softmax over the keys that a row sees, grouped queries (attention_softmax.c). */
extern const AttentionKind attention_softmax;

/* The kind of attention of a layer, from 0. */
const AttentionKind *attention_kind(const GptConfig *c, int64_t layer);

/* prefix: "blocks.3.attn". */
void attention_init(AttentionLayer *a, Params *p, const char *prefix, const GptConfig *c,
                    int64_t layer, uint64_t seed);

/* x [R, C] and, unless it is NULL, residual [R, C] added: [R, C]. */
Tensor *attention_forward(const AttentionLayer *a, const Gpt *g, Tape *t, Tensor *x,
                          Tensor *residual, const GptInput *in, int64_t layer);

#endif

/* The keys and values of softmax attention in the KV cache. A layer in which all heads have windows
 * keeps model.sinks first tokens and the last ones: their slots are a ring, as long as its longest
 * window and SPARE slots more. With sinks and ALiBi it keeps all, as attention finds distances from
 * places in the cache. */
#ifndef LAYERS_ATTENTION_CACHE_H
#define LAYERS_ATTENTION_CACHE_H

#include "layers/attention.h"

/* See AttentionKind.cache_count. */
int64_t attention_cache_count(const GptConfig *c, int64_t layer, int64_t tokens);

/* Appends the input's keys (columns of k from a->k_column) and values (of v from a->v_column) to
 * their streams. Returns the keys, each with its value, that the input's rows see [.., 2 kv_width],
 * and in *a where they are. */
Tensor *attention_cache_append(const AttentionCall *call, const Tensor *k, const Tensor *v,
                               Attention *a);

#endif

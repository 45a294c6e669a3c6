/* The keys and values of softmax attention in the KV cache. A layer in which all heads have windows
 * keeps model.sinks first tokens and the last ones: their slots are a ring, as long as its longest
 * window and SPARE slots more. With sinks and ALiBi it keeps all, as attention finds distances from
 * places in the cache. */
#ifndef LAYERS_ATTENTION_CACHE_H
#define LAYERS_ATTENTION_CACHE_H

#include "layers/attention.h"

/* See AttentionKind.cache_count. */
int64_t attention_cache_count(const GptConfig *c, int64_t layer, int64_t tokens);

/* Appends the input's keys (columns of k from k_column) and values (of v) to their streams. Returns
 * the keys and values [.., 2 kv_width] that the input's rows see, and in *rows where they are. */
Tensor *attention_cache_append(const AttentionCall *call, const Tensor *k, int64_t k_column,
                               const Tensor *v, int64_t v_column, AttentionRows *rows);

#endif

/* The KV cache: the keys and values of the tokens read so far, in each layer, for generating text.
 *
 * It serves several streams: texts of equal length, independent of each other. Its memory is one
 * block: for each layer, for each stream, as many numbers as the layer's kind of attention needs
 * (AttentionKind.cache_count). */
#ifndef LAYERS_CACHE_H
#define LAYERS_CACHE_H

#include "layers/gpt.h"

struct GptCache {
    int64_t capacity, length; /* tokens of each stream: room, and read so far */
    int64_t streams;
    real *data;            /* streams * cache_count(c, capacity) numbers; the caller's */
    const int32_t *stream; /* [segments]: the stream that each segment of the input continues */
};

/* Numbers that one stream of `tokens` tokens takes in all layers. */
int64_t cache_count(const GptConfig *c, int64_t tokens);

/* The numbers of one layer: [streams][numbers of a stream]. */
real *cache_layer(const GptConfig *c, const GptCache *cache, int64_t layer);

/* Copies stream 0 to the streams 1 to streams - 1. */
void cache_split(const GptConfig *c, GptCache *cache, int64_t streams);

/* Copies stream `from` to stream `to`, which have the same first `same` tokens. */
void cache_copy(const GptConfig *c, GptCache *cache, int64_t from, int64_t to, int64_t same);

#endif

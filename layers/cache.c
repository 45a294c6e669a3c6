#include "layers/cache.h"

#include <string.h>

#include "layers/attention.h"

/* Numbers of one stream in the layers below `layers`. */
static int64_t count_below(const GptConfig *c, int64_t layers, int64_t tokens)
{
    int64_t count = 0;
    for (int64_t i = 0; i < layers; i++) count += attention_kind(c, i)->cache_count(c, i, tokens);
    return count;
}

int64_t cache_count(const GptConfig *c, int64_t tokens)
{
    return count_below(c, c->layers, tokens);
}

real *cache_layer(const GptConfig *c, const GptCache *cache, int64_t layer)
{
    return cache->data + cache->streams * count_below(c, layer, cache->capacity);
}

void cache_copy(const GptConfig *c, GptCache *cache, int64_t from, int64_t to, int64_t same)
{
    for (int64_t i = 0; i < c->layers; i++) {
        const AttentionKind *kind = attention_kind(c, i);
        const int64_t stride = kind->cache_count(c, i, cache->capacity),
                      used = kind->cache_count(c, i, cache->length);
        /* Only where each token has numbers of its own do the first tokens stay as they are. */
        const bool is_linear = used == cache->length * kind->cache_count(c, i, 1);
        const int64_t begin = is_linear ? kind->cache_count(c, i, same) : 0;
        real *data = cache_layer(c, cache, i);
        memcpy(data + to * stride + begin, data + from * stride + begin,
               (size_t)(used - begin) * sizeof *data);
    }
}

void cache_split(const GptConfig *c, GptCache *cache, int64_t streams)
{
    INVARIANT(streams <= cache->streams);
    for (int64_t i = 0; i < c->layers; i++) {
        const AttentionKind *kind = attention_kind(c, i);
        const int64_t stride = kind->cache_count(c, i, cache->capacity),
                      used = kind->cache_count(c, i, cache->length);
        real *first = cache_layer(c, cache, i);
        for (int64_t k = 1; k < streams; k++)
            memcpy(first + k * stride, first, (size_t)used * sizeof *first);
    }
}

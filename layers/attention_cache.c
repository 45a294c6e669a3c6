#include "layers/attention_cache.h"

#include <string.h>

#include "layers/cache.h"
#include "layers/windows.h"

/* Slots of a ring beyond its window: as many tokens can be undone. */
enum { SPARE = 32 };

static int64_t kv_width_of(const GptConfig *c)
{
    return c->kv_heads * gpt_head_width(c);
}

/* Slots of a stream that holds `tokens` tokens. */
static int64_t slots_of(const GptConfig *c, int64_t layer, int64_t tokens)
{
    const int64_t window = windows_longest(c, layer), slots = c->sinks + window + SPARE;
    if (!window || (c->sinks && c->positions == POSITIONS_alibi)) return tokens;
    return slots < tokens ? slots : tokens;
}

int64_t attention_cache_count(const GptConfig *c, int64_t layer, int64_t tokens)
{
    return slots_of(c, layer, tokens) * 2 * kv_width_of(c);
}

/* A call's part of the cache. */
typedef struct Ring {
    const AttentionCall *call;
    int64_t width; /* of a key, and of a value */
    int64_t slots; /* of each stream: of the sinks, then those of the ring */
    int64_t sinks;
    int64_t length; /* tokens of each stream so far */
} Ring;

static real *slot(const Ring *r, int64_t stream, int64_t token)
{
    const int64_t ring = r->slots - r->sinks,
                  at = token < r->slots ? token : r->sinks + (token - r->sinks) % ring;
    return r->call->cache + (stream * r->slots + at) * 2 * r->width;
}

typedef struct Rows {
    const Tensor *k, *v;
    int64_t k_column, v_column;
} Rows;

/* Row i of the input: its key, then its value. */
static void copy_row(const Ring *r, const Rows *from, int64_t i, real *to)
{
    const size_t size = (size_t)r->width * sizeof *to;
    memcpy(to, from->k->data + i * shape_last(from->k->shape) + from->k_column, size);
    memcpy(to + r->width, from->v->data + i * shape_last(from->v->shape) + from->v_column, size);
}

/* Appends the rows of each segment; of more than a stream has slots, the sinks and the last. */
static void store(const Ring *r, const Rows *from)
{
    const AttentionRows *rows = &r->call->rows;
    for (int64_t s = 0; s < rows->segments; s++) {
        const int64_t begin = rows->queries[s], count = rows->queries[s + 1] - begin;
        for (int64_t i = 0; i < count; i++)
            if (r->length + i < r->sinks || i >= count - (r->slots - r->sinks))
                copy_row(r, from, begin + i, slot(r, r->call->in->cache->stream[s], r->length + i));
    }
}

/* Keys in the order of their positions: of the first `sinks` tokens, of the last `old` ones, the
 * input's. */
static Tensor *gather(const Ring *r, const Rows *from, int64_t sinks, int64_t old)
{
    const AttentionRows *rows = &r->call->rows;
    const int64_t count = rows->segments * (sinks + old) + r->call->in->rows;
    Tensor *all = tape_tensor(r->call->tape, SHAPE(count, 2 * r->width));
    if (!all) return NULL;
    real *to = all->data;
    for (int64_t s = 0; s < rows->segments; s++) {
        const int64_t stream = r->call->in->cache->stream[s];
        for (int64_t i = 0; i < sinks + old; i++, to += 2 * r->width)
            memcpy(to, slot(r, stream, i < sinks ? i : r->length - old + i - sinks),
                   (size_t)(2 * r->width) * sizeof *to);
        for (int64_t i = rows->queries[s]; i < rows->queries[s + 1]; i++, to += 2 * r->width)
            copy_row(r, from, i, to);
    }
    return all;
}

/* Segment s has `count` keys, which begin at row s * count or, if not NULL, slots[s] * step. */
static bool place_keys(const Ring *r, AttentionRows *rows, int64_t count, const int32_t *streams,
                       int64_t step)
{
    const int64_t segments = rows->segments;
    int32_t *at = arena_take(&r->call->tape->arena, 2 * segments * (int64_t)sizeof *at);
    if (!at) {
        r->call->tape->status = FAIL(E_NOMEM, "keys of %lld streams", (long long)segments);
        return false;
    }
    for (int64_t s = 0; s < segments; s++) {
        at[s] = (int32_t)((streams ? streams[s] : s) * step);
        at[segments + s] = (int32_t)(at[s] + count);
    }
    rows->keys = at;
    rows->key_ends = at + segments;
    return true;
}

/* The keys are in the cache, in order. */
static Tensor *in_place(const Ring *r, int64_t count, AttentionRows *rows)
{
    const GptCache *cache = r->call->in->cache;
    const bool one = rows->segments == 1;
    if (!one && !place_keys(r, rows, count, cache->stream, r->slots)) return NULL;
    return tape_wrap(r->call->tape, SHAPE(one ? count : cache->streams * r->slots, 2 * r->width),
                     slot(r, one ? cache->stream[0] : 0, 0));
}

/* All keys of a stream that is longer than its slots: one query reads them in place. */
static Tensor *in_ring(const Ring *r, Attention *a)
{
    const GptCache *cache = r->call->in->cache;
    a->ring = r->slots - r->sinks;
    a->turn = (r->length + 1 - r->sinks) % a->ring;
    if (!place_keys(r, &a->rows, r->slots, cache->stream, r->slots)) return NULL;
    return tape_wrap(r->call->tape, SHAPE(cache->streams * r->slots, 2 * r->width), slot(r, 0, 0));
}

/* The keys that several new rows see, side by side. */
static Tensor *in_copy(const Ring *r, const Rows *from, int64_t count, Attention *a)
{
    const int64_t window = windows_longest(r->call->gpt->config, r->call->layer),
                  old = r->length < window - 1 ? r->length : window - 1,
                  sinks = r->length - old < r->sinks ? r->length - old : r->sinks,
                  keys = sinks + old + count;
    INVARIANT(!a->rows.first || !r->length); /* a prompt is read first */
    Tensor *all = gather(r, from, sinks, old);
    return all && place_keys(r, &a->rows, keys, NULL, keys) ? all : NULL;
}

Tensor *attention_cache_append(const AttentionCall *call, const Tensor *k, const Tensor *v,
                               Attention *a)
{
    const GptConfig *c = call->gpt->config;
    const GptCache *cache = call->in->cache;
    const int64_t count = call->in->rows / call->rows.segments;
    const Ring r = {.call = call,
                    .width = kv_width_of(c),
                    .slots = slots_of(c, call->layer, cache->capacity),
                    .sinks = c->sinks,
                    .length = cache->length};
    const Rows from = {k, v, a->k_column, a->v_column};
    const bool fits = r.length + count <= r.slots;
    Tensor *copy = fits || count == 1 ? NULL : in_copy(&r, &from, count, a);
    store(&r, &from);
    a->k_column = 0;
    a->v_column = r.width;
    if (fits) return in_place(&r, r.length + count, &a->rows);
    return count == 1 ? in_ring(&r, a) : copy;
}

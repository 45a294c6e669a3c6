#include "data/tokenizers/words.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { POOL = 1 << 18, LONGEST = INT32_MAX };

static Word *slot(const WordTable *t, const unsigned char *bytes, int64_t size, uint32_t hash)
{
    const uint64_t mask = (uint64_t)t->room - 1;
    for (uint64_t i = hash;; i++) {
        Word *w = &t->slots[i & mask];
        if (!w->bytes || (w->hash == hash && w->size == (uint64_t)size &&
                          !memcmp(w->bytes, bytes, (size_t)size)))
            return w;
    }
}

static uint32_t hash_of(const unsigned char *bytes, int64_t size)
{
    return (uint32_t)XXH3_64bits(bytes, (size_t)size);
}

bool words_open(WordTable *t, Arena *a, int64_t words)
{
    *t = (WordTable){.arena = a, .room = 64};
    while (t->room < 2 * words) t->room *= 2;
    t->slots = arena_zero(a, t->room * (int64_t)sizeof *t->slots);
    return t->slots != NULL;
}

const Word *words_find(const WordTable *t, const unsigned char *bytes, int64_t size)
{
    const Word *w = slot(t, bytes, size, hash_of(bytes, size));
    return w->bytes ? w : NULL;
}

static bool grow(WordTable *t)
{
    WordTable wider = *t;
    wider.room *= 2;
    wider.slots = arena_zero(t->arena, wider.room * (int64_t)sizeof *t->slots);
    if (!wider.slots) return false;
    const uint64_t mask = (uint64_t)wider.room - 1;
    for (const Word *w = t->slots; w < t->slots + t->room; w++) {
        if (!w->bytes) continue;
        uint64_t i = w->hash;
        while (wider.slots[i & mask].bytes) i++;
        wider.slots[i & mask] = *w;
    }
    *t = wider;
    return true;
}

static const unsigned char *keep(WordTable *t, const unsigned char *bytes, int64_t size)
{
    if (t->pool_left < size || !t->pool) {
        t->pool_left = size > POOL ? size : POOL;
        t->pool = arena_take(t->arena, t->pool_left);
        if (!t->pool) return NULL;
    }
    unsigned char *copy = t->pool;
    memcpy(copy, bytes, (size_t)size);
    t->pool += size;
    t->pool_left -= size;
    return copy;
}

Word *words_add(WordTable *t, const unsigned char *bytes, int64_t size, bool copy)
{
    const uint32_t hash = hash_of(bytes, size);
    Word *w = slot(t, bytes, size, hash);
    if (w->bytes) return w;
    if (size > LONGEST) return NULL;
    if (2 * (t->used + 1) > t->room) {
        if (!grow(t)) return NULL;
        w = slot(t, bytes, size, hash);
    }
    const unsigned char *kept = copy ? keep(t, bytes, size) : bytes;
    if (!kept) return NULL;
    *w = (Word){kept, 0, (uint32_t)size, hash};
    t->used++;
    return w;
}

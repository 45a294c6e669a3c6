#include "data/packing.h"

#include <string.h>

#include "data/packers/packers.h"

static const Packer packers[] = {
#define X(name, help) {#name, help, packer_##name},
    PACKER_LIST(X)
#undef X
        {0},
};

const Packer *packer_at(int i)
{
    return packers[i].name ? &packers[i] : NULL;
}

const Packer *packer_of(PackingKind kind)
{
#define X(name, help) [PACKING_##name] = packer_##name,
    static Status (*const functions[])(const Lengths *l, Packing *p) = {PACKER_LIST(X)};
#undef X
    for (const Packer *p = packers; p->name; p++)
        if (p->pack == functions[kind]) return p;
    return NULL;
}

const Packer *packer_find(const char *name)
{
    for (const Packer *p = packers; p->name; p++)
        if (!strcmp(p->name, name)) return p;
    return NULL;
}

/* Makes room for `more` items of `size` bytes after the first count. Doubling keeps the memory
 * that stays behind in the arena below the memory in use. */
static Status grow(Packing *p, void **things, int64_t *room, int64_t count, int64_t more,
                   int64_t size)
{
    if (count + more <= *room) return OK;
    const int64_t wanted = 2 * *room > count + more ? 2 * *room : count + more + 256;
    void *larger = arena_take(&p->arena, wanted * size);
    if (!larger) return FAIL(E_NOMEM, "patterns of packs");
    if (count) memcpy(larger, *things, (size_t)(count * size));
    *things = larger;
    *room = wanted;
    return OK;
}

void packing_count(Packing *p, int64_t packs, int64_t documents, int64_t tokens)
{
    INVARIANT(packs > 0 && documents > 0 && tokens > 0 && tokens <= p->capacity);
    p->packs += packs;
    p->documents += packs * documents;
    p->tokens += packs * tokens;
    p->depths[documents] += packs;
    if (documents > p->deepest) p->deepest = documents;
    if (documents == 1 && 2 * tokens <= p->capacity) p->notes.half_empty += packs;
}

Status packing_add(Packing *p, int64_t packs, const PackPart *parts, int64_t count)
{
    void *patterns = p->patterns, *all = p->parts;
    int64_t slots = 0, documents = 0;
    TRY(grow(p, &patterns, &p->patterns_room, p->pattern_count, 1, sizeof *p->patterns));
    p->patterns = patterns;
    TRY(grow(p, &all, &p->parts_room, p->part_count, count, sizeof *p->parts));
    p->parts = all;
    memcpy(p->parts + p->part_count, parts, (size_t)count * sizeof *parts);
    p->patterns[p->pattern_count++] = (PackPattern){packs, p->part_count, p->part_count + count};
    p->part_count += count;
    for (int64_t i = 0; i < count; i++) {
        slots += (int64_t)parts[i].length * parts[i].times;
        documents += parts[i].times;
    }
    packing_count(p, packs, documents, slots);
    return OK;
}

Status packing_make(Packing *p, const Packer *packer, const Lengths *l)
{
    int64_t documents = 0, tokens = 0;
    *p = (Packing){.capacity = l->capacity};
    if (l->capacity < 1 || l->capacity > PACK_CAPACITY_MAX)
        return FAIL(E_ARG, "packs of %lld slots: expected 1 to %d", (long long)l->capacity,
                    PACK_CAPACITY_MAX);
    if (l->depth < 0)
        return FAIL(E_ARG, "packs of at most %lld documents: expected 0 (any number) or more",
                    (long long)l->depth);
    for (int64_t i = 1; i <= l->capacity; i++) {
        if (l->counts[i] < 0 || l->counts[i] > INT64_MAX / PACK_CAPACITY_MAX / 2 - documents)
            return FAIL(E_ARG, "%lld documents of length %lld cannot be packed",
                        (long long)l->counts[i], (long long)i);
        documents += l->counts[i];
        tokens += l->counts[i] * i;
    }
    p->depths = arena_zero(&p->arena, (l->capacity + 1) * (int64_t)sizeof *p->depths);
    if (!p->depths) return FAIL(E_NOMEM, "packing");
    Lengths limited = *l;
    if (!limited.depth || limited.depth > l->capacity) limited.depth = l->capacity;
    TRY(packer->pack(&limited, p));
    if (limited.depth == 1) p->notes.half_empty = 0;
    INVARIANT(p->documents == documents && p->tokens == tokens);
    return OK;
}

void packing_close(Packing *p)
{
    arena_free(&p->arena);
    *p = (Packing){0};
}

bool packing_is_half_empty(int64_t half_empty, int64_t packs)
{
    return half_empty > 1 && 100 * half_empty >= packs;
}

/* For each k up to half the capacity: a document longer than capacity - k cannot share a pack
 * with one of length k or more. Documents longer than half cannot share with each other.
 * Documents of length k to half fit into the room that these leave, or need packs of their own. */
int64_t packing_bound(const Lengths *l)
{
    const int64_t capacity = l->capacity;
    int64_t best = 0, alone = 0, half = 0, half_slots = 0, small_slots = 0;
    for (int64_t w = 1; w <= capacity; w++)
        if (2 * w > capacity) {
            half += l->counts[w];
            half_slots += l->counts[w] * w;
        } else
            small_slots += l->counts[w] * w;
    for (int64_t k = 0; 2 * k <= capacity; k++) {
        if (k) { /* length capacity - k + 1 goes from `half` to `alone`, k - 1 is small no more */
            const int64_t longer = capacity - k + 1;
            if (2 * longer > capacity) {
                alone += l->counts[longer];
                half -= l->counts[longer];
                half_slots -= l->counts[longer] * longer;
            }
            if (k > 1) small_slots -= l->counts[k - 1] * (k - 1);
        }
        const int64_t missing = small_slots - (half * capacity - half_slots);
        const int64_t bound =
            alone + half + (missing > 0 ? (missing + capacity - 1) / capacity : 0);
        if (bound > best) best = bound;
    }
    return best;
}

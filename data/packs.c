#include "data/packs.h"

#include <string.h>

#include "data/packers/packers.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The packs of one pattern for chunks of one length: `packs` packs from `first` on, `times`
 * chunks in each. */
typedef struct Run {
    int64_t first, packs, times;
} Run;

/* Assigns the chunks of each length, in order, to the packs of a packing. */
typedef struct Assignment {
    Run *runs;
    int64_t *next;  /* [capacity + 1]: the current run of each length */
    int64_t *taken; /* [capacity + 1]: chunks assigned to that run */
} Assignment;

static Status assignment_init(Assignment *s, Arena *a, const Packing *p)
{
    const int64_t lengths = p->capacity + 1, size = (int64_t)sizeof(int64_t);
    int64_t pack = 0, sum = 0, *at = arena_zero(a, lengths * size);
    s->runs = arena_take(a, p->part_count * (int64_t)sizeof *s->runs);
    s->next = arena_zero(a, lengths * size);
    s->taken = arena_zero(a, lengths * size);
    if (!at || !s->runs || !s->next || !s->taken) return FAIL(E_NOMEM, "packs");
    for (int64_t i = 0; i < p->part_count; i++) s->next[p->parts[i].length]++;
    for (int64_t w = 0; w < lengths; w++) {
        const int64_t runs = s->next[w];
        s->next[w] = at[w] = sum;
        sum += runs;
    }
    for (int64_t i = 0; i < p->pattern_count; i++) {
        const PackPattern *g = &p->patterns[i];
        for (int64_t k = g->begin; k < g->end; k++)
            s->runs[at[p->parts[k].length]++] = (Run){pack, g->packs, p->parts[k].times};
        pack += g->packs;
    }
    return OK;
}

static int64_t assignment_take(Assignment *s, int64_t length)
{
    const Run *r = &s->runs[s->next[length]];
    const int64_t taken = s->taken[length]++, pack = r->first + taken / r->times;
    if (taken + 1 == r->packs * r->times) {
        s->next[length]++;
        s->taken[length] = 0;
    }
    return pack;
}

typedef struct ChunkCursor {
    const Split *split;
    int64_t capacity, document, begin, end; /* of the chunk */
} ChunkCursor;

/* The next chunk in file order. */
static bool next_chunk(ChunkCursor *i)
{
    const Split *s = i->split;
    i->begin = i->end;
    while (i->document < s->documents && (int64_t)s->offsets[i->document + 1] <= i->begin)
        i->document++;
    if (i->document == s->documents) return false;
    i->end = least(i->begin + i->capacity, (int64_t)s->offsets[i->document + 1]);
    return true;
}

/* Fills begins and starts from the pack of each chunk, in file order. Renumbers the packs in the
 * order of their first chunks. */
static Status collect(Packs *p, Arena *a, int32_t *pack_of)
{
    ChunkCursor i = {.split = p->split, .capacity = p->capacity};
    int32_t *number = arena_take(a, p->count * (int64_t)sizeof *number), packs = 0;
    p->begins = arena_take(&p->arena, p->chunks * (int64_t)sizeof *p->begins);
    p->starts = arena_zero(&p->arena, (p->count + 1) * (int64_t)sizeof *p->starts);
    if (!number || !p->begins || !p->starts) return FAIL(E_NOMEM, "packs");
    memset(number, -1, (size_t)p->count * sizeof *number);
    for (int64_t k = 0; k < p->chunks; k++) {
        if (number[pack_of[k]] < 0) number[pack_of[k]] = packs++;
        pack_of[k] = number[pack_of[k]];
        p->starts[pack_of[k] + 1]++;
    }
    INVARIANT(packs == p->count);
    for (int64_t k = 0; k < p->count; k++) {
        if (p->starts[k + 1] > p->deepest) p->deepest = p->starts[k + 1];
        p->starts[k + 1] += p->starts[k];
    }
    for (int64_t k = 0; next_chunk(&i); k++) p->begins[p->starts[pack_of[k]]++] = i.begin;
    memmove(p->starts + 1, p->starts, (size_t)p->count * sizeof *p->starts);
    p->starts[0] = 0;
    p->depths = arena_zero(&p->arena, (p->deepest + 1) * (int64_t)sizeof *p->depths);
    if (!p->depths) return FAIL(E_NOMEM, "packs");
    for (int64_t k = 0; k < p->count; k++) p->depths[p->starts[k + 1] - p->starts[k]]++;
    return OK;
}

static Status by_patterns(Packs *p, Arena *a, const Packer *packer, const Lengths *l,
                          int32_t *pack_of)
{
    ChunkCursor i = {.split = p->split, .capacity = p->capacity};
    Assignment assignment;
    Packing packing;
    Status status = packing_make(&packing, packer, l);
    if (status == OK) status = assignment_init(&assignment, a, &packing);
    p->count = packing.packs;
    p->notes = packing.notes;
    packing_close(&packing);
    TRY(status);
    if (p->count >= INT32_MAX) return FAIL(E_DATA, "more than 2^31 packs");
    for (int64_t k = 0; next_chunk(&i); k++)
        pack_of[k] = (int32_t)assignment_take(&assignment, i.end - i.begin);
    return OK;
}

static Status by_stream(Packs *p, int64_t depth, int32_t *pack_of)
{
    ChunkCursor i = {.split = p->split, .capacity = p->capacity};
    Greedy g = {.capacity = p->capacity, .depth = depth ? depth : p->capacity};
    for (int64_t k = 0; next_chunk(&i); k++) pack_of[k] = (int32_t)greedy_put(&g, i.end - i.begin);
    p->count = g.packs;
    return OK;
}

static Status make(Packs *p, Arena *a, const Packer *packer, int64_t depth)
{
    LengthCounts lengths;
    TRY(lengths_init(&lengths, a, p->capacity));
    lengths_of_split(&lengths, p->split);
    p->chunks = lengths.chunks;
    if (p->chunks >= INT32_MAX)
        return FAIL(E_DATA, "%s has %lld chunks of documents: more than 2^31", p->split->name,
                    (long long)p->chunks);
    int32_t *pack_of = arena_take(a, p->chunks * (int64_t)sizeof *pack_of);
    if (!pack_of) return FAIL(E_NOMEM, "packs of %lld documents", (long long)p->chunks);
    if (packer->pack == packer_greedy)
        TRY(by_stream(p, depth, pack_of));
    else
        TRY(by_patterns(p, a, packer, &(Lengths){p->capacity, depth, lengths.counts}, pack_of));
    return collect(p, a, pack_of);
}

Status packs_make(Packs *p, const Split *s, const Packer *packer, int64_t capacity, int64_t depth)
{
    Arena a = {0};
    *p = (Packs){.split = s, .capacity = capacity};
    const Status status = make(p, &a, packer, depth);
    arena_free(&a);
    return status;
}

void packs_close(Packs *p)
{
    arena_free(&p->arena);
    *p = (Packs){0};
}

PackChunk packs_chunk(const Packs *p, int64_t i)
{
    const Split *s = p->split;
    const int64_t begin = p->begins[i];
    const int64_t document = split_document(s, begin), end = (int64_t)s->offsets[document + 1];
    return (PackChunk){begin, least(begin + p->capacity, end), document,
                       (int64_t)s->offsets[document], end};
}

int64_t packs_of_prompts(const Packs *p)
{
    int64_t count = 0;
    for (int64_t k = 0; k < p->count; k++) {
        bool has_loss = false;
        for (int64_t i = p->starts[k]; i < p->starts[k + 1] && !has_loss; i++) {
            const PackChunk chunk = packs_chunk(p, i);
            has_loss =
                chunk.end > chunk.document_begin + (int64_t)p->split->prefixes[chunk.document];
        }
        count += !has_loss;
    }
    return count;
}

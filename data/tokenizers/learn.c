#include "data/tokenizers/learn.h"

#include <string.h>

enum { LIST_WORDS = 13, BLOCK_LISTS = 4096 };

typedef struct WordList {
    struct WordList *next;
    int32_t used, words[LIST_WORDS];
} WordList;

/* A pair of neighbours: its count, and the words that contain it or did. */
typedef struct Seen {
    uint64_t pair; /* left << 32 | right */
    int64_t count; /* -1: a free slot */
    WordList *list;
    int64_t touched; /* the last merge that added to count */
} Seen;

typedef struct Candidate {
    int64_t count;
    uint64_t pair;
} Candidate;

typedef struct Learner {
    Learn *l;
    Arena *arena;
    Seen *seen;
    int64_t room, used;
    WordList *lists;
    int64_t lists_left;
    Candidate *heap;
    int64_t heap_count, heap_room;
    uint64_t *touched; /* pairs that this merge added to */
    int64_t touched_count, touched_room;
    WordTable texts; /* of tokens; -1: forbidden */
    bool out_of_memory;
} Learner;

static bool is_before(Candidate a, Candidate b)
{
    return a.count != b.count ? a.count > b.count : a.pair < b.pair;
}

/* Doubles the room of `used` items of `size` bytes; NULL: out of memory. */
static void *twice(Arena *a, const void *items, int64_t used, int64_t *room, int64_t size)
{
    const int64_t more = *room ? 2 * *room : 1024;
    void *wider = arena_take(a, more * size);
    if (!wider) return NULL;
    if (used) memcpy(wider, items, (size_t)(used * size));
    *room = more;
    return wider;
}

static void push(Learner *r, Candidate c)
{
    if (r->heap_count == r->heap_room) {
        Candidate *wider = twice(r->arena, r->heap, r->heap_count, &r->heap_room, sizeof c);
        if (!wider) {
            r->out_of_memory = true;
            return;
        }
        r->heap = wider;
    }
    int64_t i = r->heap_count++;
    for (; i > 0 && is_before(c, r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = c;
}

static Candidate pop(Learner *r)
{
    const Candidate top = r->heap[0], c = r->heap[--r->heap_count];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < r->heap_count; i = child) {
        if (child + 1 < r->heap_count && is_before(r->heap[child + 1], r->heap[child])) child++;
        if (!is_before(r->heap[child], c)) break;
        r->heap[i] = r->heap[child];
    }
    r->heap[i] = c;
    return top;
}

static Seen *slot(const Learner *r, uint64_t pair)
{
    const uint64_t mask = (uint64_t)r->room - 1;
    for (uint64_t i = (pair * 0x9E3779B97F4A7C15u) >> 24;; i++) {
        Seen *s = &r->seen[i & mask];
        if (s->count < 0 || s->pair == pair) return s;
    }
}

static bool widen(Learner *r)
{
    const Seen *old = r->seen;
    const int64_t old_room = r->room, room = old_room ? 2 * old_room : 1 << 16;
    Seen *wider = arena_take(r->arena, room * (int64_t)sizeof *wider);
    if (!wider) return false;
    for (int64_t i = 0; i < room; i++) wider[i].count = -1;
    r->seen = wider;
    r->room = room;
    for (int64_t i = 0; i < old_room; i++)
        if (old[i].count >= 0) *slot(r, old[i].pair) = old[i];
    return true;
}

static bool list_add(Learner *r, Seen *s, int32_t word)
{
    if (s->list && s->list->words[s->list->used - 1] == word) return true;
    if (!s->list || s->list->used == LIST_WORDS) {
        if (!r->lists_left) {
            r->lists = arena_take(r->arena, BLOCK_LISTS * (int64_t)sizeof *r->lists);
            if (!r->lists) return false;
            r->lists_left = BLOCK_LISTS;
        }
        WordList *list = r->lists++;
        r->lists_left--;
        list->next = s->list;
        list->used = 0;
        s->list = list;
    }
    s->list->words[s->list->used++] = word;
    return true;
}

static uint64_t pair_of(int32_t left, int32_t right)
{
    return (uint64_t)left << 32 | (uint32_t)right;
}

static void add(Learner *r, uint64_t pair, int32_t word, int64_t count, int64_t merge)
{
    if (r->out_of_memory || (2 * (r->used + 1) > r->room && !widen(r))) {
        r->out_of_memory = true;
        return;
    }
    Seen *s = slot(r, pair);
    if (s->count < 0) {
        *s = (Seen){pair, 0, NULL, -1};
        r->used++;
    }
    s->count += count;
    if (!list_add(r, s, word)) r->out_of_memory = true;
    if (s->touched == merge) return;
    s->touched = merge;
    if (r->touched_count == r->touched_room) {
        uint64_t *wider =
            twice(r->arena, r->touched, r->touched_count, &r->touched_room, sizeof *wider);
        if (!wider) {
            r->out_of_memory = true;
            return;
        }
        r->touched = wider;
    }
    r->touched[r->touched_count++] = pair;
}

static void push_touched(Learner *r)
{
    for (int64_t i = 0; i < r->touched_count; i++) {
        const Seen *s = slot(r, r->touched[i]);
        if (s->count >= r->l->min_count) push(r, (Candidate){s->count, s->pair});
    }
    r->touched_count = 0;
}

/* A merge changes only the pairs next to it. */
static void merge_word(Learner *r, int32_t w, Pair p, int32_t token, int64_t merge)
{
    LearnWord *word = &r->l->words[w];
    int32_t *symbols = r->l->symbols + word->begin;
    bool is_merged[LEARN_WORD_MAX + 1] = {false}, is_new[LEARN_WORD_MAX + 1] = {false};
    const int32_t length = word->length;
    bool any = false;
    for (int32_t i = 0; i + 1 < length; i++)
        if (symbols[i] == p.left && symbols[i + 1] == p.right) {
            is_merged[i] = is_merged[i + 1] = any = true;
            i++;
        }
    if (!any) return;
    for (int32_t i = 0; i + 1 < length; i++)
        if (is_merged[i] || is_merged[i + 1])
            slot(r, pair_of(symbols[i], symbols[i + 1]))->count -= word->count;
    int32_t used = 0;
    for (int32_t i = 0; i < length; i++) {
        is_new[used] = is_merged[i];
        symbols[used++] = is_merged[i] ? token : symbols[i];
        i += is_merged[i];
    }
    word->length = used;
    for (int32_t i = 0; i + 1 < used; i++)
        if (is_new[i] || is_new[i + 1])
            add(r, pair_of(symbols[i], symbols[i + 1]), w, word->count, merge);
}

/* The symbol that left and right merge into; -1: it is forbidden. */
static Status join(Learner *r, Pair p, int32_t *token)
{
    Learn *l = r->l;
    const Symbol a = l->tokens[p.left], b = l->tokens[p.right];
    const int64_t size = a.size + b.size - l->prefix;
    unsigned char *text = arena_take(r->arena, size);
    if (!text) return FAIL(E_NOMEM, "merges");
    memcpy(text, a.text, (size_t)a.size);
    memcpy(text + a.size, b.text + l->prefix, (size_t)(b.size - l->prefix));
    const int64_t before = r->texts.used;
    Word *w = words_add(&r->texts, text, size, true);
    if (!w) return FAIL(E_NOMEM, "merges");
    if (r->texts.used > before) {
        w->value = l->token_count;
        l->tokens[l->token_count++] = (Symbol){w->bytes, size};
    }
    *token = (int32_t)w->value;
    return OK;
}

static Status count_pairs(Learner *r)
{
    const Learn *l = r->l;
    if (!widen(r)) r->out_of_memory = true;
    for (int64_t w = 0; w < l->word_count && !r->out_of_memory; w++) {
        const int32_t *symbols = l->symbols + l->words[w].begin;
        for (int32_t i = 0; i + 1 < l->words[w].length; i++)
            add(r, pair_of(symbols[i], symbols[i + 1]), (int32_t)w, l->words[w].count, 0);
    }
    push_touched(r);
    return r->out_of_memory ? FAIL(E_NOMEM, "pairs of %lld words", (long long)l->word_count) : OK;
}

static Status keep_texts(Learner *r)
{
    const Learn *l = r->l;
    if (!words_open(&r->texts, r->arena, l->most_tokens)) return FAIL(E_NOMEM, "tokens");
    for (int64_t i = 0; i < l->token_count + l->forbidden_count; i++) {
        const bool is_token = i < l->token_count;
        const Symbol *s = is_token ? &l->tokens[i] : &l->forbidden[i - l->token_count];
        Word *w = words_add(&r->texts, s->text, s->size, false);
        if (!w) return FAIL(E_NOMEM, "tokens");
        w->value = is_token ? i : -1;
    }
    return OK;
}

static Status note_merge(Learner *r, Pair p)
{
    Learn *l = r->l;
    if (l->merge_count == l->merge_room) {
        Pair *wider = twice(l->arena, l->merges, l->merge_count, &l->merge_room, sizeof p);
        if (!wider) return FAIL(E_NOMEM, "merges");
        l->merges = wider;
    }
    l->merges[l->merge_count++] = p;
    return OK;
}

Status learn_merges(Learn *l)
{
    Learner r = {.l = l, .arena = l->arena};
    TRY(keep_texts(&r));
    TRY(count_pairs(&r));
    while (l->token_count < l->most_tokens && r.heap_count) {
        const Candidate best = pop(&r);
        Seen *s = slot(&r, best.pair);
        if (s->count != best.count) {
            /* Outdated: its count has fallen since it entered the heap. A rise adds a new entry. */
            if (s->count < best.count && s->count >= l->min_count)
                push(&r, (Candidate){s->count, best.pair});
            continue;
        }
        const Pair p = {(int32_t)(best.pair >> 32), (int32_t)(best.pair & 0xFFFFFFFF)};
        int32_t token = -1;
        TRY(join(&r, p, &token));
        if (token < 0) continue;
        TRY(note_merge(&r, p));
        const WordList *list = s->list; /* read first: s moves when the table grows */
        for (; list && !r.out_of_memory; list = list->next)
            for (int32_t i = 0; i < list->used; i++)
                merge_word(&r, list->words[i], p, token, l->merge_count);
        push_touched(&r);
        if (r.out_of_memory) return FAIL(E_NOMEM, "pairs");
    }
    return OK;
}

#include "data/tokenizers/count.h"

#include <stdio.h>
#include <string.h>

enum { BUFFER = 64 << 20, ITEM = 1 << 18, ITEMS_MAX = 1 << 20, SHARE = 16 };

/* A text whose words do not depend on the text before or after it. */
typedef struct Item {
    int64_t begin, size;
} Item;

typedef struct Worker {
    Arena arena;
    WordTable words;
    Status status;
    char message[512];
} Worker;

typedef struct Counter {
    Count *c;
    Arena arena; /* of buffer and items */
    unsigned char *buffer;
    int64_t room, used;
    int64_t begin; /* of text that is not in an item yet */
    Item *items;
    int64_t item_count;
    Worker workers[THREADS_MAX];
} Counter;

static void work(const void *context, int64_t begin, int64_t end, int worker)
{
    Counter *k = (Counter *)context;
    Worker *w = &k->workers[worker];
    for (int64_t i = begin; i < end && w->status == OK; i++) {
        w->status =
            k->c->count(k->c->context, k->buffer + k->items[i].begin, k->items[i].size, &w->words);
        if (w->status != OK) snprintf(w->message, sizeof w->message, "%s", error_message());
    }
}

/* Counts the items, and moves the rest of the buffer to the front. */
static Status flush(Counter *k)
{
    threads_range(k->item_count, SHARE, work, k);
    for (int i = 0; i < THREADS_MAX; i++)
        if (k->workers[i].status != OK)
            return error_adopt(k->workers[i].status, k->workers[i].message);
    memmove(k->buffer, k->buffer + k->begin, (size_t)(k->used - k->begin));
    k->used -= k->begin;
    k->begin = 0;
    k->item_count = 0;
    if (k->c->show_progress)
        fprintf(stderr, "\rcounting words: %lld MB ", (long long)(k->c->bytes >> 20));
    return OK;
}

static Status make_room(Counter *k, int64_t size)
{
    if (k->used + size <= k->room) return OK;
    int64_t room = k->room;
    while (room < k->used + size) room *= 2;
    unsigned char *wider = arena_take(&k->arena, room);
    if (!wider) return FAIL(E_NOMEM, "%lld bytes of text", (long long)room);
    memcpy(wider, k->buffer, (size_t)k->used);
    k->buffer = wider;
    k->room = room;
    return OK;
}

static void add_item(Counter *k, int64_t size)
{
    if (size) k->items[k->item_count++] = (Item){k->begin, size};
    k->begin += size;
}

static Status add(Counter *k, const TextChunk *chunk)
{
    TRY(make_room(k, chunk->size));
    memcpy(k->buffer + k->used, chunk->text, (size_t)chunk->size);
    k->used += chunk->size;
    const bool is_end = chunk->ends_document || chunk->is_prompt;
    while (k->used - k->begin >= ITEM) {
        const unsigned char *text = k->buffer + k->begin;
        int64_t size;
        TRY(k->c->settled(k->c->context, text, ITEM, &size));
        if (!size) /* words of this length are cut anyway, but never inside a character */
            for (size = ITEM - 3; size < ITEM && (text[size] & 0xC0) == 0x80;) size++;
        add_item(k, size);
        if (k->item_count == ITEMS_MAX) TRY(flush(k));
    }
    if (is_end) add_item(k, k->used - k->begin);
    k->c->documents += chunk->ends_document;
    k->c->bytes += chunk->size;
    return k->item_count == ITEMS_MAX || (k->used >= BUFFER && k->item_count) ? flush(k) : OK;
}

static Status add_all(Counter *k)
{
    Documents d;
    Status status = OK;
    bool found = true;
    documents_open(&d, k->c->texts);
    while (status == OK && found) {
        TextChunk chunk;
        status = documents_next(&d, &chunk, &found);
        if (status == OK && found) status = add(k, &chunk);
    }
    k->c->bad = d.bad;
    documents_close(&d);
    if (status == OK) status = flush(k);
    if (k->c->show_progress) fprintf(stderr, "\r\x1b[K");
    return status;
}

static Status gather(Counter *k, WordTable *words)
{
    for (int i = 0; i < THREADS_MAX; i++) {
        const WordTable *t = &k->workers[i].words;
        for (const Word *w = t->slots; w && w < t->slots + t->room; w++) {
            if (!w->bytes) continue;
            Word *sum = words_add(words, w->bytes, w->size, true);
            if (!sum) return FAIL(E_NOMEM, "%lld words", (long long)words->used);
            sum->value += w->value;
        }
    }
    return OK;
}

static Status run(Counter *k, Arena *a, WordTable *words)
{
    k->room = BUFFER + 2 * SOURCE_WINDOW;
    k->buffer = arena_take(&k->arena, k->room);
    k->items = arena_take(&k->arena, ITEMS_MAX * (int64_t)sizeof *k->items);
    if (!k->buffer || !k->items) return FAIL(E_NOMEM, "%lld bytes of text", (long long)k->room);
    for (int i = 0; i < threads_team(); i++)
        if (!words_open(&k->workers[i].words, &k->workers[i].arena, 1 << 14))
            return FAIL(E_NOMEM, "words");
    TRY(add_all(k));
    if (!words_open(words, a, 1 << 16)) return FAIL(E_NOMEM, "words");
    return gather(k, words);
}

Status count_words(Count *c, Arena *a, WordTable *words)
{
    Arena own = {0};
    Counter *k = arena_zero(&own, sizeof *k);
    if (!k) return FAIL(E_NOMEM, "words");
    k->c = c;
    Status status = run(k, a, words);
    for (int i = 0; i < THREADS_MAX; i++) arena_free(&k->workers[i].arena);
    arena_free(&k->arena);
    arena_free(&own);
    return status;
}

#include "train/formats/vocabulary.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenizers/byte_letters.h"
#include "train/formats/vocabulary_sentencepiece.h"

/* Tokenizers that name no token for it have this one. */
#define END_OF_TEXT "<|endoftext|>"

static const char *special_text(const Tokenizer *t, int32_t wanted)
{
    int32_t token;
    for (int64_t i = 0; i < tokenizer_special_count(t); i++) {
        const char *text = tokenizer_special(t, i, &token);
        if (token == wanted) return text;
    }
    return END_OF_TEXT;
}

const char *vocabulary_end(const Tokenizer *t)
{
    return special_text(t, tokenizer_end_of_text(t));
}

const char *vocabulary_begin(const Tokenizer *t)
{
    return special_text(t, tokenizer_begin_of_text(t));
}

static Status out_of_memory(int64_t count)
{
    return FAIL(E_NOMEM, "a vocabulary of %lld tokens", (long long)count);
}

/* The letters of some bytes, with a blank before the last `tail` bytes; NULL: out of memory. */
static const char *letters_of(Arena *a, const char *bytes, int64_t size, int64_t tail)
{
    char *text = arena_take(a, 2 * size + 2), *to = text;
    if (!text) return NULL;
    for (int64_t i = 0; i < size; i++) {
        if (tail && i == size - tail) *to++ = ' ';
        to += byte_letter((unsigned char)bytes[i], to);
    }
    *to = '\0';
    return text;
}

static Status take_tokens(Vocabulary *v, Arena *a, int64_t count)
{
    *v = (Vocabulary){.count = count,
                      .texts = arena_zero(a, count * (int64_t)sizeof *v->texts),
                      .types = arena_zero(a, count * (int64_t)sizeof *v->types)};
    return v->texts && v->types ? OK : out_of_memory(count);
}

/* Numbers that are no token get texts of their own: llama.cpp wants one for each row of the
 * embedding, and aborts if two are equal. */
static Status fill_gaps(Vocabulary *v, Arena *a)
{
    char text[32];
    for (int64_t i = 0; i < v->count; i++) {
        if (v->texts[i]) continue;
        snprintf(text, sizeof text, "[PAD_%lld]", (long long)i);
        v->texts[i] = arena_text(a, text);
        v->types[i] = TOKEN_UNUSED;
        if (!v->texts[i]) return out_of_memory(v->count);
    }
    return OK;
}

/* byte and char: a token's text is its bytes; end-of-text has none. */
static Status take_bytes(Vocabulary *v, Arena *a, const Tokenizer *t)
{
    const int32_t end = tokenizer_end_of_text(t);
    for (int32_t i = 0; i < tokenizer_vocab_size(t); i++) {
        int64_t size;
        const char *bytes = tokenizer_bytes(t, i, &size);
        v->texts[i] = i == end ? vocabulary_end(t) : letters_of(a, bytes, size, 0);
        v->types[i] = i == end ? TOKEN_CONTROL : TOKEN_NORMAL;
        if (!v->texts[i]) return out_of_memory(v->count);
    }
    return OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* BPE begins with bytes: merges join those of each character, first to last. They never join parts
 * of two characters, since only a character's first byte is the start of one. */
static Status take_merges(Vocabulary *v, Arena *a, const Tokenizer *t)
{
    int64_t size, room = 0, count = 0;
    for (int32_t i = 0; i < tokenizer_vocab_size(t); i++)
        room += (tokenizer_bytes(t, i, &size), size);
    const char **list = arena_take(a, room * (int64_t)sizeof *list);
    if (!list) return out_of_memory(room);
    for (int32_t i = 0; i < tokenizer_vocab_size(t); i++) {
        const char *bytes = tokenizer_bytes(t, i, &size);
        for (int64_t k = 2; k <= size; k++)
            if (!(list[count++] = letters_of(a, bytes, k, 1))) return out_of_memory(room);
    }
    if (count) qsort(list, (size_t)count, sizeof *list, by_text);
    v->merges = list;
    for (int64_t i = 0; i < count; i++)
        if (!i || strcmp(list[i], v->merges[v->merge_count - 1]))
            v->merges[v->merge_count++] = list[i];
    return OK;
}

static const char *merge_text(Arena *a, const json_t *merge)
{
    char *text;
    const char *left = json_string_value(json_array_get(merge, 0)),
               *right = json_string_value(json_array_get(merge, 1));
    if (json_is_string(merge)) return arena_text(a, json_string_value(merge));
    if (!left || !right || !(text = arena_take(a, (int64_t)(strlen(left) + strlen(right)) + 2)))
        return NULL;
    sprintf(text, "%s %s", left, right);
    return text;
}

/* The pattern of a Split before ByteLevel. */
static const char *regex_of(Arena *a, const json_t *json)
{
    const json_t *list = json_object_get(json_object_get(json, "pre_tokenizer"), "pretokenizers");
    const json_t *pattern = json_object_get(json_array_get(list, 0), "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    return regex ? arena_text(a, regex) : NULL;
}

static bool cuts_digits(const json_t *json)
{
    const json_t *list = json_object_get(json_object_get(json, "pre_tokenizer"), "pretokenizers");
    const char *type = json_string_value(json_object_get(json_array_get(list, 0), "type"));
    return type && !strcmp(type, "Digits");
}

static const char *normalizer_of(Arena *a, const json_t *json)
{
    const json_t *part = json_object_get(json, "normalizer"),
                 *list = json_object_get(part, "normalizers");
    const char *type = json_string_value(json_object_get(part, "type"));
    for (size_t i = 0; i < json_array_size(list); i++) {
        type = json_string_value(json_object_get(json_array_get(list, i), "type"));
        if (type && strcmp(type, "NFC")) break;
    }
    return type ? arena_text(a, type) : NULL;
}

static bool strips(const json_t *added)
{
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    for (size_t i = 0; i < 3; i++)
        if (json_is_true(json_object_get(added, flags[i]))) return true;
    return false;
}

/* BPE: what its tokenizer.json says. */
static Status take_json(Vocabulary *v, Arena *a, const json_t *json)
{
    const json_t *model = json_object_get(json, "model"),
                 *merges = json_object_get(model, "merges"),
                 *added = json_object_get(json, "added_tokens");
    const char *text;
    json_t *id;
    json_object_foreach(json_object_get(model, "vocab"), text, id)
    {
        v->texts[json_integer_value(id)] = arena_text(a, text);
        v->types[json_integer_value(id)] = TOKEN_NORMAL;
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *one = json_array_get(added, i);
        const json_int_t number = json_integer_value(json_object_get(one, "id"));
        v->texts[number] = arena_text(a, json_string_value(json_object_get(one, "content")));
        v->types[number] =
            json_is_true(json_object_get(one, "special")) ? TOKEN_CONTROL : TOKEN_USER;
        v->strips |= strips(one);
    }
    v->merges = arena_take(a, (int64_t)((json_array_size(merges) + 1) * sizeof *v->merges));
    if (!v->merges) return out_of_memory(v->count);
    for (size_t i = 0; i < json_array_size(merges); i++)
        if (!(v->merges[v->merge_count++] = merge_text(a, json_array_get(merges, i))))
            return out_of_memory(v->count);
    v->regex = regex_of(a, json);
    v->digits = cuts_digits(json);
    v->normalizer = normalizer_of(a, json);
    v->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    return OK;
}

/* The tokenizer has read this text before, or made it: all numbers in it are in range. */
static Status take_bpe(Vocabulary *v, Arena *a, const Tokenizer *t)
{
    const char *text;
    int64_t size;
    TRY(tokenizer_huggingface(t, a, &text, &size));
    json_t *json = json_loadb(text, (size_t)size, 0, NULL);
    const Status status = json ? take_json(v, a, json) : out_of_memory(v->count);
    json_decref(json);
    return status;
}

Status vocabulary_open(Vocabulary *v, Arena *a, const Tokenizer *t, int64_t vocab_size)
{
    const char *kind = tokenizer_kind(t);
    TRY(take_tokens(v, a, vocab_size));
    if (!strcmp(kind, "bpe"))
        TRY(take_bpe(v, a, t));
    else if (!strcmp(kind, "byte") || !strcmp(kind, "char"))
        TRY(take_bytes(v, a, t));
    else if (!strcmp(kind, "sentencepiece"))
        TRY(vocabulary_take_sentencepiece(v, a, t));
    else
        return FAIL(E_ARG, "a tokenizer of kind %s cannot be exported with a model", kind);
    if (!strcmp(kind, "char")) TRY(take_merges(v, a, t));
    return fill_gaps(v, a);
}

#include "train/formats/vocabulary_sentencepiece.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenizers/sentencepiece.h"

#define BLANK "\xE2\x96\x81" /* U+2581 */

/* The score of tokens that are no result of a merge. */
enum { NO_MERGE = -1000000000 };

static bool is_text(const Vocabulary *v, int64_t i)
{
    return v->types[i] == TOKEN_NORMAL || v->types[i] == TOKEN_USER;
}

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Calls visit for each two texts that make up token i; map: texts to numbers. */
typedef Status (*VisitPair)(void *context, const char *left, const char *right, int64_t token);

static Status each_pair(const Vocabulary *v, const json_t *map, int64_t i, VisitPair visit,
                        void *context)
{
    const char *text = v->texts[i];
    const int64_t size = (int64_t)strlen(text);
    char *left = strdup(text);
    Status status = left ? OK : FAIL(E_NOMEM, "merges");
    for (int64_t cut = size - 1; status == OK && cut > 0; cut--) {
        left[cut] = '\0';
        if (((unsigned char)text[cut] & 0xC0) == 0x80) continue; /* inside a character */
        if (json_object_get(map, left) && json_object_get(map, text + cut))
            status = visit(context, left, text + cut, i);
    }
    free(left);
    return status;
}

static json_t *map_texts(const Vocabulary *v)
{
    json_t *map = json_object();
    for (int64_t i = 0; i < v->count; i++)
        if (v->texts[i] && is_text(v, i)) json_object_set_new(map, v->texts[i], json_integer(i));
    return map;
}

static Status count_pair(void *context, const char *left, const char *right, int64_t token)
{
    (void)left, (void)right, (void)token;
    ++*(int64_t *)context;
    return OK;
}

static Status inexpressible(void)
{
    return FAIL(E_ARG, "the tokenizer's merges are not those of any scores of its tokens, and this "
                       "format has only scores");
}

static int64_t result_of(const json_t *vocab, const json_t *merge)
{
    char text[4096];
    const char *both = json_string_value(merge), *blank = both ? strchr(both, ' ') : NULL;
    if (both && blank)
        snprintf(text, sizeof text, "%.*s%s", (int)(blank - both), both, blank + 1);
    else
        snprintf(text, sizeof text, "%s%s", json_string_value(json_array_get(merge, 0)),
                 json_string_value(json_array_get(merge, 1)));
    const json_t *id = json_object_get(vocab, text);
    return id ? json_integer_value(id) : -1;
}

/* A token's score falls with the place of its merges in the list, which must be side by side. */
static Status take_scores(Vocabulary *v, const json_t *vocab, const json_t *merges)
{
    int64_t last = -1, group = 0, pairs = 0;
    json_t *map = map_texts(v);
    Status status = map ? OK : FAIL(E_NOMEM, "scores");
    for (int64_t i = 0; i < v->count; i++) v->scores[i] = (float)NO_MERGE;
    for (size_t i = 0; status == OK && i < json_array_size(merges); i++) {
        const int64_t token = result_of(vocab, json_array_get(merges, i));
        if (token < 0 || (token != last && v->scores[token] != (float)NO_MERGE))
            status = inexpressible();
        else if (token != last)
            v->scores[token] = (float)-++group;
        last = token;
    }
    for (int64_t i = 0; status == OK && i < v->count; i++)
        if (v->texts[i] && is_text(v, i)) status = each_pair(v, map, i, count_pair, &pairs);
    if (status == OK && pairs != (int64_t)json_array_size(merges)) status = inexpressible();
    json_decref(map);
    return status;
}

/* Which blanks a tokenizer.json adds; llama.cpp adds one before each text. */
static Status take_blanks(Vocabulary *v, const json_t *json)
{
    const json_t *normalizer = json_object_get(json, "normalizer"),
                 *list = json_object_get(normalizer, "normalizers");
    if (!strcmp(text_in(json_object_get(json, "pre_tokenizer"), "type"), "Metaspace"))
        return FAIL(E_ARG,
                    "the tokenizer's pre-tokenizer Metaspace adds a blank before a text only "
                    "if it begins without one, which this format has no way to express");
    v->adds_blank = !strcmp(text_in(normalizer, "type"), "Prepend");
    for (size_t i = 0; i < json_array_size(list); i++)
        v->adds_blank |= !strcmp(text_in(json_array_get(list, i), "type"), "Prepend");
    return OK;
}

static Status take_merged(Vocabulary *v, Arena *a, const json_t *json)
{
    const json_t *model = json_object_get(json, "model"), *vocab = json_object_get(model, "vocab"),
                 *added = json_object_get(json, "added_tokens");
    const char *text, *unknown = text_in(model, "unk_token");
    json_t *id;
    json_object_foreach((json_t *)vocab, text, id)
    {
        const json_int_t i = json_integer_value(id);
        v->texts[i] = arena_text(a, text);
        v->types[i] = sentencepiece_byte(text) >= 0 ? TOKEN_BYTE : TOKEN_NORMAL;
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *one = json_array_get(added, i);
        const json_int_t number = json_integer_value(json_object_get(one, "id"));
        const bool is_unknown = !strcmp(text_in(one, "content"), unknown);
        v->texts[number] = arena_text(a, text_in(one, "content"));
        v->types[number] = is_unknown                                      ? TOKEN_UNKNOWN
                           : json_is_true(json_object_get(one, "special")) ? TOKEN_CONTROL
                                                                           : TOKEN_USER;
    }
    TRY(take_blanks(v, json));
    return take_scores(v, vocab, json_object_get(model, "merges"));
}

/* Blanks as U+2581. */
static const char *escape(Arena *a, const char *text)
{
    char *out = arena_take(a, 3 * (int64_t)strlen(text) + 1), *to = out;
    for (; out && *text; text++) to = stpcpy(to, *text == ' ' ? BLANK : (char[]){*text, '\0'});
    if (out) *to = '\0';
    return out;
}

static Status take_scored(Vocabulary *v, Arena *a, const json_t *json)
{
    const json_t *pieces = json_object_get(json, "pieces"), *one;
    size_t i;
    json_array_foreach(pieces, i, one)
    {
        const json_t *type = json_array_get(one, 2);
        v->texts[i] = escape(a, json_string_value(json_array_get(one, 0)));
        v->scores[i] = (float)json_number_value(json_array_get(one, 1));
        v->types[i] = type ? (int32_t)json_integer_value(type) : TOKEN_NORMAL;
        if (!v->texts[i]) return FAIL(E_NOMEM, "tokens");
    }
    v->adds_blank = !json_is_false(json_object_get(json, "add_prefix"));
    return OK;
}

static Status check_bytes(const Vocabulary *v)
{
    int bytes = 0;
    for (int64_t i = 0; i < v->count; i++) bytes += v->types[i] == TOKEN_BYTE;
    if (bytes == 256) return OK;
    return FAIL(E_ARG, "the tokenizer has tokens for %d of the 256 bytes; this format needs all",
                bytes);
}

/* The tokenizer has read this text before: all numbers in it are in range. */
Status vocabulary_take_sentencepiece(Vocabulary *v, Arena *a, const Tokenizer *t)
{
    int64_t size;
    const char *text = tokenizer_text(t, &size);
    json_t *json = json_loadb(text, (size_t)size, 0, NULL);
    v->scores = arena_zero(a, v->count * (int64_t)sizeof *v->scores);
    Status status = json && v->scores ? OK : FAIL(E_NOMEM, "%lld tokens", (long long)v->count);
    if (status == OK)
        status =
            json_object_get(json, "pieces") ? take_scored(v, a, json) : take_merged(v, a, json);
    json_decref(json);
    return status == OK ? check_bytes(v) : status;
}

typedef struct Scored {
    float score;
    int32_t token;
} Scored;

static int by_score(const void *a, const void *b)
{
    const Scored *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score)
                                : x->token - y->token;
}

static Status add_pair(void *context, const char *left, const char *right, int64_t token)
{
    (void)token;
    return json_array_append_new(context, json_pack("[s, s]", left, right))
               ? FAIL(E_NOMEM, "merges")
               : OK;
}

/* Merges in the order of the scores of their results. */
static Status list_merges(const Vocabulary *v, const json_t *map, Scored *scored, json_t *merges)
{
    int64_t count = 0;
    size_t before = 0;
    const Scored *last = NULL;
    for (int32_t i = 0; i < v->count; i++)
        if (v->texts[i] && is_text(v, i)) scored[count++] = (Scored){v->scores[i], i};
    qsort(scored, (size_t)count, sizeof *scored, by_score);
    for (int64_t i = 0; i < count; i++, before = json_array_size(merges)) {
        TRY(each_pair(v, map, scored[i].token, add_pair, merges));
        if (json_array_size(merges) == before) continue;
        if (last && last->score == scored[i].score)
            return FAIL(E_ARG,
                        "the tokens \"%s\" and \"%s\" have the same score, which a "
                        "tokenizer.json has no way to express",
                        v->texts[last->token], v->texts[scored[i].token]);
        last = &scored[i];
    }
    return OK;
}

static json_t *added_tokens(const Vocabulary *v)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < v->count; i++) {
        const int32_t type = v->types[i];
        if (!v->texts[i] || (type != TOKEN_CONTROL && type != TOKEN_UNKNOWN)) continue;
        json_array_append_new(list,
                              json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i,
                                        "content", v->texts[i], "single_word", 0, "lstrip", 0,
                                        "rstrip", 0, "normalized", 0, "special", 1));
    }
    return list;
}

static json_t *normalizer(const Vocabulary *v)
{
    json_t *list = json_array(), *replace = json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace",
                                                      "pattern", "String", " ", "content", BLANK);
    if (v->adds_blank)
        json_array_append_new(list, json_pack("{s:s, s:s}", "type", "Prepend", "prepend", BLANK));
    json_array_append_new(list, replace);
    return json_pack("{s:s, s:o}", "type", "Sequence", "normalizers", list);
}

static json_t *decoder(const Vocabulary *v)
{
    json_t *list =
        json_pack("[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}]", "type", "Replace", "pattern", "String",
                  BLANK, "content", " ", "type", "ByteFallback", "type", "Fuse");
    if (v->adds_blank)
        json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content",
                                              " ", "start", 1, "stop", 0));
    return json_pack("{s:s, s:o}", "type", "Sequence", "decoders", list);
}

/* The token that begins a text. */
static json_t *post_processor(const Vocabulary *v, const Tokenizer *t)
{
    const int32_t begin = tokenizer_begin_of_text(t);
    return tokenizer_begins(t) ? vocabulary_template(v->texts[begin], begin) : json_null();
}

static json_t *model(const Vocabulary *v, json_t *merges)
{
    json_t *vocab = json_object();
    const char *unknown = NULL;
    for (int64_t i = 0; i < v->count; i++) {
        if (!v->texts[i] || v->types[i] == TOKEN_UNUSED) continue;
        json_object_set_new(vocab, v->texts[i], json_integer(i));
        if (v->types[i] == TOKEN_UNKNOWN) unknown = v->texts[i];
    }
    return json_pack("{s:s, s:n, s:s?, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE",
                     "dropout", "unk_token", unknown, "continuing_subword_prefix",
                     "end_of_word_suffix", "fuse_unk", 1, "byte_fallback", 1, "ignore_merges", 0,
                     "vocab", vocab, "merges", merges);
}

Status vocabulary_sentencepiece_json(const Vocabulary *v, const Tokenizer *t, json_t **out)
{
    json_t *map = map_texts(v), *merges = json_array();
    Scored *scored = malloc((size_t)v->count * sizeof *scored);
    Status status =
        map && merges && scored ? list_merges(v, map, scored, merges) : FAIL(E_NOMEM, "merges");
    free(scored);
    json_decref(map);
    if (status != OK) {
        json_decref(merges);
        return status;
    }
    *out = json_pack("{s:s, s:n, s:n, s:o, s:o, s:n, s:o, s:o, s:o}", "version", "1.0",
                     "truncation", "padding", "added_tokens", added_tokens(v), "normalizer",
                     normalizer(v), "pre_tokenizer", "post_processor", post_processor(v, t),
                     "decoder", decoder(v), "model", model(v, merges));
    return *out ? OK : FAIL(E_NOMEM, "a tokenizer.json");
}

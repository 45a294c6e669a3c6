/* Vocabularies as tokenizer.json. */
#include <stdlib.h>
#include <string.h>

#include "train/formats/vocabulary_sentencepiece.h"

static json_t *added_token(int64_t id, const char *text, bool special)
{
    return json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)id, "content", text,
                     "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                     (int)special);
}

static json_t *byte_level(bool use_regex)
{
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                     "trim_offsets", 1, "use_regex", (int)use_regex);
}

/* Takes everything. parts: the pre-tokenizer, post-processor and decoder. */
static json_t *bpe_json(json_t *added, json_t *const parts[3], json_t *vocab, json_t *merges,
                        bool ignore_merges)
{
    return json_pack(
        "{s:s, s:n, s:n, s:o, s:n, s:o, s:o, s:o, s:{s:s, s:n, s:n, s:n, s:n, s:b, s:b, "
        "s:b, s:o, s:o}}",
        "version", "1.0", "truncation", "padding", "added_tokens", added, "normalizer",
        "pre_tokenizer", parts[0], "post_processor", parts[1], "decoder", parts[2], "model", "type",
        "BPE", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
        "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", (int)ignore_merges, "vocab", vocab,
        "merges", merges);
}

static json_t *pre_tokenizer(const Vocabulary *v)
{
    json_t *first = NULL;
    if (v->digits) first = json_pack("{s:s, s:b}", "type", "Digits", "individual_digits", 1);
    if (v->regex)
        first = json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", v->regex,
                          "behavior", "Isolated", "invert", 0);
    if (!first) return byte_level(true);
    return json_pack("{s:s, s:[o, o]}", "type", "Sequence", "pretokenizers", first,
                     byte_level(!v->regex));
}

json_t *vocabulary_template(const char *begin, int64_t token)
{
    const json_int_t id = token;
    return json_pack("{s:s, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}, "
                     "{s:{s:s, s:i}}], s:{s:{s:s, s:[I], s:[s]}}}",
                     "type", "TemplateProcessing", "single", "SpecialToken", "id", begin, "type_id",
                     0, "Sequence", "id", "A", "type_id", 0, "pair", "SpecialToken", "id", begin,
                     "type_id", 0, "Sequence", "id", "A", "type_id", 0, "Sequence", "id", "B",
                     "type_id", 1, "special_tokens", begin, "id", begin, "ids", id, "tokens",
                     begin);
}

json_t *vocabulary_json(const Vocabulary *v)
{
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    json_t *const parts[3] = {pre_tokenizer(v), byte_level(true), byte_level(true)};
    int failed = 0;
    for (int64_t i = 0; i < v->count; i++) {
        if (v->types[i] == TOKEN_UNUSED) continue;
        if (v->types[i] == TOKEN_CONTROL || v->types[i] == TOKEN_USER)
            failed |= json_array_append_new(added, added_token(i, v->texts[i],
                                                               v->types[i] == TOKEN_CONTROL));
        failed |= json_object_set_new(vocab, v->texts[i], json_integer(i));
    }
    for (int64_t i = 0; i < v->merge_count; i++)
        failed |= json_array_append_new(merges, json_string(v->merges[i]));
    json_t *json = bpe_json(added, parts, vocab, merges, v->ignore_merges);
    if (!failed) return json;
    json_decref(json);
    return NULL;
}

/* char: a BPE of characters without merges, on the whole text. */
static json_t *char_json(const Tokenizer *t)
{
    json_t *vocab = json_object(), *added = json_array();
    json_t *const parts[3] = {json_null(), json_null(), json_pack("{s:s}", "type", "Fuse")};
    for (int32_t i = 0; i < tokenizer_vocab_size(t); i++) {
        int64_t size;
        const char *bytes = tokenizer_bytes(t, i, &size);
        char text[8] = "";
        memcpy(text, bytes, (size_t)size);
        json_object_set_new(vocab, i == tokenizer_end_of_text(t) ? vocabulary_end(t) : text,
                            json_integer(i));
    }
    json_array_append_new(added, added_token(tokenizer_end_of_text(t), vocabulary_end(t), true));
    return bpe_json(added, parts, vocab, json_array(), false);
}

static Status byte_json(const Tokenizer *t, Arena *a, json_t **json)
{
    Vocabulary v;
    TRY(vocabulary_open(&v, a, t, tokenizer_vocab_size(t)));
    *json = vocabulary_json(&v);
    return OK;
}

/* A vocabulary of scores; a tokenizer that comes from a tokenizer.json still is one. */
static Status scores_json(const Tokenizer *t, Arena *a, json_t **json)
{
    Vocabulary v;
    TRY(vocabulary_open(&v, a, t, tokenizer_vocab_size(t)));
    return vocabulary_sentencepiece_json(&v, t, json);
}

bool vocabulary_is_own(const Tokenizer *t)
{
    int64_t size;
    static const char pieces[] = "{\"type\":\"sentencepiece\"";
    const char *text = tokenizer_text(t, &size), *kind = tokenizer_kind(t);
    return !strcmp(kind, "byte") || !strcmp(kind, "char") ||
           (size >= (int64_t)sizeof pieces && !strncmp(text, pieces, sizeof pieces - 1));
}

Status vocabulary_huggingface(const Tokenizer *t, Arena *a, const char **text, int64_t *size)
{
    json_t *json = NULL;
    const char *kind = tokenizer_kind(t);
    if (!strcmp(kind, "byte"))
        TRY(byte_json(t, a, &json));
    else if (!strcmp(kind, "char"))
        json = char_json(t);
    else if (vocabulary_is_own(t))
        TRY(scores_json(t, a, &json));
    else
        return tokenizer_huggingface(t, a, text, size);
    char *dump = json ? json_dumps(json, 0) : NULL;
    json_decref(json);
    *text = dump ? arena_text(a, dump) : NULL;
    *size = dump ? (int64_t)strlen(dump) : 0;
    free(dump);
    return *text ? OK : FAIL(E_NOMEM, "a tokenizer.json");
}

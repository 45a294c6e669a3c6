#include "data/tokenizer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/added_tokens.h"
#include "data/tokenizers/huggingface.h"
#include "data/tokenizers/kind.h"
#include "data/tokenizers/llama2c.h"
#include "data/tokenizers/pretokenize.h"
#include "data/tokenizers/ranks.h"

#define X(name) &tokenizer_kind_##name,
static const TokenizerKind *const kinds[] = {TOKENIZER_LIST(X)};
#undef X

enum { KINDS = sizeof kinds / sizeof *kinds };

static Status read_description(Tokenizer *t, Arena *a, const json_t *description, const char *name)
{
    const json_t *model = json_object_get(description, "model");
    const char *type = json_string_value(json_object_get(model ? model : description, "type"));
    if (!type && json_object_get(model, "merges")) type = "BPE"; /* older files lack it */
    if (!type && json_object_get(model, "max_input_chars_per_word")) type = "WordPiece";
    if (!type)
        return FAIL(
            E_DATA,
            "%s: expected a tokenizer: a JSON object with a \"type\", or a tokenizer.json with a "
            "\"model\" that has one",
            name);
    char known[256] = "", shown[64];
    for (int i = 0; i < KINDS; i++) {
        const char *is = model ? kinds[i]->model : kinds[i]->name;
        if (!is) continue;
        if (kinds[i]->takes && model) {
            if (!strcmp(type, is) && kinds[i]->takes(description)) t->kind = kinds[i];
            continue;
        }
        strcat(strcat(known, *known ? ", " : ""), is);
        if (!strcmp(type, is)) t->kind = kinds[i];
    }
    if (!t->kind)
        return FAIL(E_DATA, "%s: %sunknown tokenizer type \"%s\"; expected one of: %s", name,
                    model ? "model: " : "", text_escape(type, shown, sizeof shown), known);
    t->begin_of_text = -1;
    TRY(t->kind->read(t, a, description, name));
    t->begins = t->begin_of_text >= 0;
    if (!t->begins) t->begin_of_text = t->end_of_text;
    return OK;
}

static Status parse_json(Arena *a, const char *text, int64_t size, const char *name,
                         Tokenizer **out)
{
    Tokenizer *t = arena_zero(a, sizeof *t);
    char *copy = arena_take(a, size + 1);
    if (!t || !copy) return FAIL(E_NOMEM, "%s: no memory for a tokenizer", name);
    memcpy(copy, text, (size_t)size);
    copy[size] = '\0';
    t->text = copy;
    t->text_size = size;

    json_error_t error;
    json_t *description = json_loadb(copy, (size_t)size, JSON_REJECT_DUPLICATES, &error);
    if (!description) {
        char shown[JSON_ERROR_TEXT_LENGTH * 4];
        return FAIL(E_DATA, "%s:%d:%d: a tokenizer's description is a JSON object: %s", name,
                    error.line, error.column, text_escape(error.text, shown, sizeof shown));
    }
    Status status = read_description(t, a, description, name);
    json_decref(description);
    if (status == OK) *out = t;
    return status;
}

static Status parse_description(Arena *a, json_t *description, const char *name, Tokenizer **out)
{
    char *json = description ? json_dumps(description, JSON_COMPACT) : NULL;
    const Status status = json ? parse_json(a, json, (int64_t)strlen(json), name, out)
                               : FAIL(E_NOMEM, "%s: no memory for a tokenizer", name);
    free(json);
    json_decref(description);
    return status;
}

/* OpenAI's rank files, recognised by the number of ranks: a rank file does not contain its
 * pattern. */
static const struct {
    int64_t ranks;
    const char *pattern;
    json_int_t end_of_text;
} known_ranks[] = {
    {50256, "gpt2", 50256},     /* gpt2, r50k_base */
    {50280, "gpt2", 50256},     /* p50k_base */
    {100256, "cl100k", 100257}, /* cl100k_base */
    {199998, "o200k", 199999},  /* o200k_base */
};

Status tokenizer_ranks(Arena *a, const char *text, int64_t size, const char *name,
                       const char *pattern, Tokenizer **out)
{
    enum { KNOWN = sizeof known_ranks / sizeof *known_ranks };
    Arena scratch = {0};
    WordTable words;
    int64_t largest;
    Pattern known;
    if (pattern && !pattern_of_name(pattern, &known))
        return FAIL(E_ARG, "--pattern %s: expected gpt2, gpt2_digits, cl100k, o200k or qwen2",
                    pattern);
    Status status = ranks_read(&words, &scratch, text, size, name, &largest);
    const int64_t count = words.used;
    arena_free(&scratch);
    TRY(status);
    json_int_t end_of_text = largest + 1;
    for (int i = 0; i < KNOWN; i++) {
        if (known_ranks[i].ranks != count) continue;
        end_of_text = known_ranks[i].end_of_text;
        if (!pattern) pattern = known_ranks[i].pattern;
    }
    if (!pattern)
        return FAIL(E_DATA,
                    "%s: a rank file with %lld ranks, which is not one of OpenAI's, and rank files "
                    "lack the pattern that cuts text into words: convert it with capstan tokenizer "
                    "convert --pattern NAME",
                    name, (long long)count);
    json_t *description =
        json_pack("{s:s, s:s, s:{s:I}, s:s%}", "type", "bpe", "pattern", pattern, "special",
                  "<|endoftext|>", end_of_text, "ranks", text, (size_t)size);
    return parse_description(a, description, name, out);
}

static Status parse_llama2c(Arena *a, const char *text, int64_t size, const char *name,
                            Tokenizer **out)
{
    json_t *description;
    TRY(llama2c_tokenizer_describe(text, size, name, &description));
    return parse_description(a, description, name, out);
}

Status tokenizer_parse(Arena *a, const char *text, int64_t size, const char *name, Tokenizer **out)
{
    if (size > TOKENIZER_TEXT_MAX)
        return FAIL(E_DATA, "%s: %lld bytes; a tokenizer file has 1 to %d", name, (long long)size,
                    TOKENIZER_TEXT_MAX);
    if (llama2c_tokenizer_looks_so(text, size)) return parse_llama2c(a, text, size, name, out);
    return ranks_look_so(text, size) ? tokenizer_ranks(a, text, size, name, NULL, out)
                                     : parse_json(a, text, size, name, out);
}

static bool ends_with(const Tokenizer *t, const char *end)
{
    for (int64_t i = 0; i < t->special_count; i++)
        if (t->specials[i].token == t->end_of_text) return !strcmp(t->specials[i].text, end);
    return false;
}

/* The text of an object with one more key. */
static char *with_key(Arena *a, const char *object, int64_t size, const char *key,
                      const char *value)
{
    json_t *pair = json_pack("{s:s}", key, value);
    char *json = pair ? json_dumps(pair, JSON_COMPACT) : NULL, *out = NULL;
    if (json && (out = arena_take(a, size + (int64_t)strlen(json) + 2)))
        sprintf(out, "%.*s,%.*s", (int)strlen(json) - 1, json, (int)size - 1, object + 1);
    free(json);
    json_decref(pair);
    return out;
}

Status tokenizer_parse_with_end(Arena *a, const char *text, int64_t size, const char *name,
                                const char *end, Tokenizer **out)
{
    const int64_t blank = (int64_t)strspn(text, " \t\r\n");
    if (!end) return tokenizer_parse(a, text, size, name, out);
    if (blank >= size || text[blank] != '{')
        return FAIL(E_ARG, "%s: only a tokenizer.json can be given another end-of-text", name);
    if (tokenizer_parse(a, text, size, name, out) == OK && ends_with(*out, end)) return OK;
    const char *chosen = with_key(a, text + blank, size - blank, HUGGINGFACE_END, end);
    if (!chosen) return FAIL(E_NOMEM, "%s: no memory for a tokenizer", name);
    return tokenizer_parse(a, chosen, (int64_t)strlen(chosen), name, out);
}

Status tokenizer_byte(Arena *a, Tokenizer **out)
{
    static const char text[] = "{\"type\":\"byte\"}";
    return tokenizer_parse(a, text, sizeof text - 1, "byte", out);
}

Status tokenizer_char(Arena *a, const uint32_t *code_points, int64_t count, Tokenizer **out)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer((json_int_t)code_points[i]));
    json_t *description = json_pack("{s:s, s:o}", "type", "char", "characters", list);
    char *text = description ? json_dumps(description, JSON_COMPACT) : NULL;
    Status status = text ? tokenizer_parse(a, text, (int64_t)strlen(text), "char", out)
                         : FAIL(E_NOMEM, "no memory for a tokenizer");
    free(text);
    json_decref(description);
    return status;
}

const char *tokenizer_text(const Tokenizer *t, int64_t *size)
{
    *size = t->text_size;
    return t->text;
}

/* The description without the key that is Capstan's own; NULL: it is not there. */
static json_t *without_end(const Tokenizer *t)
{
    json_t *json = json_loadb(t->text, (size_t)t->text_size, 0, NULL);
    if (json_object_get(json, HUGGINGFACE_END) && !json_object_del(json, HUGGINGFACE_END))
        return json;
    json_decref(json);
    return NULL;
}

Status tokenizer_huggingface(const Tokenizer *t, Arena *a, const char **text, int64_t *size)
{
    json_t *description = NULL;
    *text = t->text;
    *size = t->text_size;
    if (!t->kind->model)
        return FAIL(E_ARG, "a %s tokenizer cannot be written as a tokenizer.json", t->kind->name);
    if (t->kind->describe) TRY(t->kind->describe(t, a, &description));
    if (!description) description = without_end(t);
    if (!description) return OK;
    char *json = json_dumps(description, JSON_INDENT(1));
    json_decref(description);
    *text = json ? arena_text(a, json) : NULL;
    *size = json ? (int64_t)strlen(json) : 0;
    free(json);
    return *text ? OK : FAIL(E_NOMEM, "a tokenizer.json");
}

const char *tokenizer_kind(const Tokenizer *t)
{
    return t->kind->name;
}

int64_t tokenizer_vocab_size(const Tokenizer *t)
{
    return t->vocab_size;
}

int32_t tokenizer_end_of_text(const Tokenizer *t)
{
    return t->end_of_text;
}

int32_t tokenizer_begin_of_text(const Tokenizer *t)
{
    return t->begin_of_text;
}

bool tokenizer_leading_blank(const Tokenizer *t)
{
    return t->leading_blank;
}

bool tokenizer_begins(const Tokenizer *t)
{
    return t->begins;
}

int64_t tokenizer_room(const Tokenizer *t, int64_t size)
{
    size = normalizer_room(&t->normalizer, size);
    return t->kind->room ? t->kind->room(t, size) : size;
}

void text_place_advance(TextPlace *p, const char *text, int64_t size)
{
    const char *line = text, *end = text + size;
    for (const char *next; line < end && (next = memchr(line, '\n', (size_t)(end - line)));) {
        line = next + 1;
        p->line++;
        p->column = 0;
    }
    for (const unsigned char *s = (const unsigned char *)line; s < (const unsigned char *)end;) {
        int length = text_utf8_length(s, (size_t)((const unsigned char *)end - s));
        s += length > 0 ? length : 1;
        p->column++;
    }
    p->byte += size;
}

/* A text that is being encoded. */
typedef struct Encoding {
    const Tokenizer *t;
    AddedFinder raw, normalized; /* what is found in a text, and in normalized text */
    bool finds_raw, finds_normalized;
    Arena arena; /* of normalized text */
    TextPlace place;
    int32_t *out;
    int64_t count;
} Encoding;

static Status add_model_tokens(Encoding *e, const unsigned char *text, int64_t size)
{
    int64_t added;
    TRY(e->t->kind->encode(e->t, &e->place, text, size, e->out + e->count, &added));
    e->count += added;
    return OK;
}

static void add_token(Encoding *e, int32_t token)
{
    e->out[e->count++] = token;
    e->place.continues = !e->t->blank_after_special;
}

/* moves: normalization has changed nothing, so that places can be counted. */
static Status add_normalized(Encoding *e, const unsigned char *text, int64_t size, bool moves)
{
    AddedMatch m;
    int64_t at = 0;
    for (; e->finds_normalized && added_find(&e->normalized, text, size, at, &m); at = m.end) {
        if (m.begin > at) TRY(add_model_tokens(e, text + at, m.begin - at));
        add_token(e, m.token->token);
        if (moves) text_place_advance(&e->place, (const char *)text + at, m.end - at);
    }
    return at < size ? add_model_tokens(e, text + at, size - at) : OK;
}

static Status add_text(Encoding *e, const unsigned char *text, int64_t size)
{
    const unsigned char *normalized;
    int64_t length;
    const TextPlace place = e->place;
    if (!size) return OK;
    TRY(normalizer_apply(&e->t->normalizer, &e->arena, text, size, &normalized, &length));
    TRY(add_normalized(e, normalized, length, normalized == text));
    e->place = place;
    text_place_advance(&e->place, (const char *)text, size);
    return OK;
}

static Status encode_all(Encoding *e, const unsigned char *text, int64_t size)
{
    AddedMatch m;
    int64_t at = 0;
    for (; e->finds_raw && added_find(&e->raw, text, size, at, &m); at = m.end) {
        TRY(add_text(e, text + at, m.begin - at));
        add_token(e, m.token->token);
        text_place_advance(&e->place, (const char *)text + m.begin, m.end - m.begin);
    }
    return add_text(e, text + at, size - at);
}

static Status encode(const Tokenizer *t, bool special, const TextPlace *place, const char *text,
                     int64_t size, int32_t *out, int64_t room, int64_t *count)
{
    Encoding e = {.t = t, .place = *place, .out = out};
    if (room < tokenizer_room(t, size))
        return FAIL(E_ARG, "room for %lld tokens is too little for %lld bytes", (long long)room,
                    (long long)size);
    if (!size) {
        *count = 0;
        return OK;
    }
    e.finds_raw = added_finder_open(&e.raw, t, special, false);
    e.finds_normalized = added_finder_open(&e.normalized, t, false, true);
    if (!e.finds_raw && !e.finds_normalized && !t->normalizer.count)
        return t->kind->encode(t, place, (const unsigned char *)text, size, out, count);
    const Status status = encode_all(&e, (const unsigned char *)text, size);
    arena_free(&e.arena);
    *count = e.count;
    return status;
}

Status tokenizer_encode_at(const Tokenizer *t, const TextPlace *place, const char *text,
                           int64_t size, int32_t *out, int64_t room, int64_t *count)
{
    return encode(t, false, place, text, size, out, room, count);
}

Status tokenizer_encode_marked(const Tokenizer *t, const TextPlace *place, const char *text,
                               int64_t size, int32_t *out, int64_t room, int64_t *count)
{
    return encode(t, true, place, text, size, out, room, count);
}

Status tokenizer_encode(const Tokenizer *t, const char *text, int64_t size, int32_t *out,
                        int64_t room, int64_t *count)
{
    return tokenizer_encode_at(t, &(TextPlace){0}, text, size, out, room, count);
}

const char *tokenizer_bytes(const Tokenizer *t, int32_t token, int64_t *size)
{
    *size = 0;
    if (token < 0 || token >= t->vocab_size || token == t->end_of_text) return "";
    return t->kind->bytes(t, token, size);
}

int64_t tokenizer_special_count(const Tokenizer *t)
{
    return t->special_count;
}

const char *tokenizer_special(const Tokenizer *t, int64_t i, int32_t *token)
{
    *token = t->specials[i].token;
    return t->specials[i].text;
}

/* The last place where an ASCII letter is before a blank: neither joins what is around it in any
 * normal form, and a pre-token begins there. */
static int64_t last_word(const unsigned char *text, int64_t size)
{
    for (int64_t i = size - 1; i > 0; i--)
        if (text[i] == ' ' && (text[i - 1] | 0x20) >= 'a' && (text[i - 1] | 0x20) <= 'z') return i;
    return 0;
}

/* Before `end`. */
static Status last_cut(const Tokenizer *t, const unsigned char *text, int64_t end, int64_t *cut)
{
    *cut = end;
    if (t->normalizer.count)
        *cut = last_word(text, end);
    else if (t->kind->settled)
        TRY(t->kind->settled(t, text, end, cut));
    return OK;
}

Status tokenizer_settled(const Tokenizer *t, const char *text, int64_t size, int64_t *settled)
{
    const unsigned char *bytes = (const unsigned char *)text;
    TRY(last_cut(t, bytes, size, settled));
    while (*settled && t->added_count && added_touches(t, bytes, size, *settled)) {
        const int64_t end = *settled;
        TRY(last_cut(t, bytes, end, settled));
        if (*settled >= end) *settled = 0;
    }
    return OK;
}

#include "data/tokenizers/bpe_model.h"

#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "autograd/base/threads.h"
#include "data/tokenizers/huggingface.h"

enum { WORD_MAX = 256 };

/* Digits, each by itself, before GPT-2's pattern. */
static bool cuts_digits(const json_t *part)
{
    return !strcmp(part_type(part), "Digits") && part_bool(part, "individual_digits", false);
}

static Status read_split(const json_t *split, const char *name, Pattern *pattern)
{
    const char *where = "pre_tokenizer",
               *behavior = json_string_value(json_object_get(split, "behavior")),
               *regex =
                   json_string_value(json_object_get(json_object_get(split, "pattern"), "Regex"));
    if (!behavior || strcmp(behavior, "Isolated") || part_bool(split, "invert", false))
        return PART_FAIL(name, where, "Split must be Isolated and not inverted");
    if (!regex || !pattern_of_text(regex, pattern))
        return PART_FAIL(name, where,
                         "the Split's pattern is none of GPT-2's, cl100k's (Llama 3), o200k's and "
                         "Qwen 2's");
    return OK;
}

/* Reads the pattern of a pre-tokenizer: ByteLevel, or a Sequence of Split or Digits and it. */
static Status read_pattern(const json_t *part, const char *name, Pattern *pattern)
{
    const char *where = "pre_tokenizer";
    char shown[64];
    const json_t *list = json_object_get(part, "pretokenizers"), *first = NULL;
    if (!strcmp(part_type(part), "Sequence") && json_array_size(list) == 2) {
        first = json_array_get(list, 0);
        part = json_array_get(list, 1);
    }
    const bool has_split = !strcmp(part_type(first), "Split");
    if (strcmp(part_type(part), "ByteLevel") || (first && !has_split && !cuts_digits(first)))
        return PART_FAIL(name, where,
                         "type %s is not supported; expected ByteLevel, or a Sequence of Split, or "
                         "of Digits with individual_digits, and ByteLevel",
                         text_escape(part_type(first ? first : part), shown, sizeof shown));
    if (part_bool(part, "add_prefix_space", true))
        return PART_FAIL(name, where,
                         "add_prefix_space: true is not supported: it changes the text");
    if (part_bool(part, "use_regex", true) == has_split)
        return PART_FAIL(name, where, "ByteLevel needs use_regex: %s %s Split",
                         has_split ? "false" : "true", has_split ? "after" : "without");
    *pattern = first ? PATTERN_gpt2_digits : PATTERN_gpt2;
    return has_split ? read_split(first, name, pattern) : OK;
}

static Status check_model(const json_t *description, const char *name)
{
    static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    char shown[64], part[64];
    const json_t *model = json_object_get(description, "model");
    TRY(huggingface_check(description, name));
    const char *decoder = part_type(json_object_get(description, "decoder"));
    if (strcmp(decoder, "ByteLevel") && strcmp(decoder, "null"))
        return PART_FAIL(name, "decoder", "type %s is not supported; expected ByteLevel",
                         text_escape(decoder, shown, sizeof shown));
    if (json_number_value(json_object_get(model, "dropout")) != 0)
        return PART_FAIL(name, "model.dropout", "is not supported; expected null");
    if (part_bool(model, "byte_fallback", false))
        return PART_FAIL(name, "model.byte_fallback", "is not supported; expected false");
    for (int i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(model, empty[i]));
        snprintf(part, sizeof part, "model.%s", empty[i]);
        if (text && *text) return PART_FAIL(name, part, "is not supported; expected null");
    }
    return OK;
}

static Status read_tokens(Tokenizer *t, BpeModel *m, Arena *a, const char *const *texts,
                          const char *name)
{
    int64_t size = 0;
    char shown[64];
    for (int64_t i = 0; i < t->vocab_size; i++)
        if (texts[i]) size += (int64_t)strlen(texts[i]);
    unsigned char *pool = arena_take(a, size);
    m->tokens = arena_zero(a, t->vocab_size * (int64_t)sizeof *m->tokens);
    if (!pool || !m->tokens) return FAIL(E_NOMEM, "%s: tokens", name);
    for (int64_t i = 0; i < t->vocab_size; i++) {
        if (!texts[i]) continue;
        int64_t length = (int64_t)strlen(texts[i]);
        if (is_special(t, (int32_t)i))
            memcpy(pool, texts[i], (size_t)length);
        else
            length = letters_bytes(texts[i], pool);
        if (length < 1)
            return PART_FAIL(name, "model.vocab", "\"%s\" is not a ByteLevel token",
                             text_escape(texts[i], shown, sizeof shown));
        m->tokens[i] = (TokenBytes){pool, length};
        if (length == 1 && !is_special(t, (int32_t)i)) m->byte[*pool] = (int32_t)i;
        pool += length;
    }
    for (int b = 0; b < 256; b++) m->lacks_bytes |= m->byte[b] < 0;
    return OK;
}

typedef struct Check {
    const Tokenizer *t;
    const BpeModel *m;
    bool *whole; /* [vocab_size] */
} Check;

/* Adds the tokens that merging their bytes leads to: a pre-token of these bytes needs no
 * merging. */
static void check_whole(const void *context, int64_t begin, int64_t end, int worker)
{
    const Check *c = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int32_t tokens[WORD_MAX];
        const TokenBytes *b = &c->m->tokens[i];
        int64_t count = b->size;
        if (!b->bytes || count > WORD_MAX || is_special(c->t, (int32_t)i)) continue;
        bool whole = true;
        for (int64_t k = 0; k < count; k++) whole &= (tokens[k] = c->m->byte[b->bytes[k]]) >= 0;
        c->whole[i] = whole && merges_apply(&c->m->merges, tokens, &count) == OK && count == 1 &&
                      *tokens == i;
    }
}

static Status find_whole(const Tokenizer *t, BpeModel *m, Arena *a, bool all)
{
    Check c = {t, m, arena_zero(a, t->vocab_size)};
    if (!c.whole || !words_open(&m->words, a, t->vocab_size)) return FAIL(E_NOMEM, "tokens");
    if (!all) threads_range(t->vocab_size, 1024, check_whole, &c);
    for (int64_t i = 0; i < t->vocab_size; i++) {
        const TokenBytes *b = &m->tokens[i];
        if (!b->bytes || is_special(t, (int32_t)i) || !(all || c.whole[i])) continue;
        Word *w = words_add(&m->words, b->bytes, b->size, false);
        if (!w) return FAIL(E_NOMEM, "tokens");
        w->value = i;
    }
    return OK;
}

Status bpe_read_huggingface(Tokenizer *t, BpeModel *m, Arena *a, const json_t *description,
                            const char *name)
{
    const json_t *model = json_object_get(description, "model");
    const char **texts;
    TRY(check_model(description, name));
    TRY(normalizer_read(&t->normalizer, json_object_get(description, "normalizer"), name));
    TRY(read_pattern(json_object_get(description, "pre_tokenizer"), name, &m->pattern));
    TRY(huggingface_vocabulary(t, a, description, name, &texts));
    TRY(huggingface_begin(t, description, name));
    TRY(read_tokens(t, m, a, texts, name));
    if (m->lacks_bytes && json_is_string(json_object_get(model, "unk_token")))
        return PART_FAIL(name, "model.unk_token",
                         "is not supported unless all 256 bytes are tokens");
    TRY(huggingface_merges(&m->merges, a, model, name));
    return find_whole(t, m, a, part_bool(model, "ignore_merges", false));
}

#include "data/tokenizers/huggingface.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"

static const char *const ends[] = {"<|endoftext|>", "<|end_of_text|>", "</s>",  "<eos>",
                                   "<|eot_id|>",    "<|im_end|>",      "[EOS]", "[SEP]"};

enum { ENDS = sizeof ends / sizeof *ends };

Status part_fail(const char *name, const char *part, const char *file, int line, const char *func,
                 const char *fmt, ...)
{
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return error_set(E_DATA, file, line, func, "%s: %s: %s", name, part, what);
}

const char *part_type(const json_t *part)
{
    if (!part || json_is_null(part)) return "null";
    const char *type = json_string_value(json_object_get(part, "type"));
    return type ? type : "?";
}

Status part_must_be_null(const json_t *holder, const char *key, const char *name)
{
    char shown[64];
    const json_t *part = json_object_get(holder, key);
    if (!part || json_is_null(part)) return OK;
    return PART_FAIL(name, key, "type %s is not supported; expected null",
                     text_escape(part_type(part), shown, sizeof shown));
}

bool part_bool(const json_t *part, const char *key, bool fallback)
{
    const json_t *value = json_object_get(part, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

static Status check_post_processor(const json_t *part, const char *name, int depth)
{
    static const char *const known[] = {"null", "ByteLevel", "TemplateProcessing", "BertProcessing",
                                        "RobertaProcessing"};
    char shown[64];
    const char *type = part_type(part);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(type, known[i])) return OK;
    const json_t *list = json_object_get(part, "processors");
    if (strcmp(type, "Sequence") || !json_is_array(list) || depth > 4)
        return PART_FAIL(name, "post_processor",
                         "type %s is not supported; expected null, ByteLevel, TemplateProcessing, "
                         "BertProcessing, or a Sequence of them",
                         text_escape(type, shown, sizeof shown));
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(check_post_processor(json_array_get(list, i), name, depth + 1));
    return OK;
}

Status huggingface_check(const json_t *description, const char *name)
{
    return check_post_processor(json_object_get(description, "post_processor"), name, 0);
}

static const json_t *template_of(const json_t *part, int depth)
{
    const json_t *list = json_object_get(part, "processors"), *found = NULL;
    if (!strcmp(part_type(part), "TemplateProcessing")) return part;
    for (size_t i = 0; !found && depth < 5 && i < json_array_size(list); i++)
        found = template_of(json_array_get(list, i), depth + 1);
    return found;
}

Status huggingface_begin(Tokenizer *t, const json_t *description, const char *name)
{
    const json_t *part = template_of(json_object_get(description, "post_processor"), 0),
                 *single = json_object_get(part, "single");
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *special = json_object_get(json_array_get(single, i), "SpecialToken");
        if (!special) return OK; /* the text itself */
        const char *id = json_string_value(json_object_get(special, "id"));
        const json_t *ids =
            json_object_get(json_object_get(json_object_get(part, "special_tokens"), id ? id : ""),
                            "ids");
        const json_int_t token = json_integer_value(json_array_get(ids, 0));
        if (i || json_array_size(ids) != 1)
            return PART_FAIL(name, "post_processor", "expected at most one token before a text");
        if (token < 0 || token >= t->vocab_size || !is_special(t, (int32_t)token))
            return PART_FAIL(name, "post_processor", "token %lld is not a special token",
                             (long long)token);
        t->begin_of_text = (int32_t)token;
    }
    return OK;
}

/* The largest token number. */
static Status find_vocab_size(const json_t *vocab, const json_t *added, const char *name,
                              int64_t *size)
{
    const char *text;
    json_t *number;
    char shown[64], part[96];
    *size = 0;
    json_object_foreach((json_t *)vocab, text, number)
    {
        const json_int_t id = json_integer_value(number);
        if (!json_is_integer(number) || id < 0 || id >= VOCABULARY_MAX)
            return PART_FAIL(name, "model.vocab", "\"%s\": expected a number from 0 to %d",
                             text_escape(text, shown, sizeof shown), VOCABULARY_MAX - 1);
        if (id >= *size) *size = id + 1;
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *id = json_object_get(json_array_get(added, i), "id");
        snprintf(part, sizeof part, "added_tokens[%zu].id", i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= VOCABULARY_MAX)
            return PART_FAIL(name, part, "expected a number from 0 to %d", VOCABULARY_MAX - 1);
        if (json_integer_value(id) >= *size) *size = json_integer_value(id) + 1;
    }
    return OK;
}

static Status read_added_token(Arena *a, const json_t *one, const char *part, const char *name,
                               Special *added)
{
    const json_t *content = json_object_get(one, "content");
    const char *text = json_string_value(content);
    if (!text || !*text) return PART_FAIL(name, part, "expected a text \"content\"");
    *added = (Special){.text = arena_text(a, text),
                       .size = (int64_t)json_string_length(content),
                       .token = (int32_t)json_integer_value(json_object_get(one, "id")),
                       .single_word = part_bool(one, "single_word", false),
                       .lstrip = part_bool(one, "lstrip", false),
                       .rstrip = part_bool(one, "rstrip", false)};
    if (!added->text) return FAIL(E_NOMEM, "%s: added tokens", name);
    if (!part_bool(one, "special", false)) added->normalized = part_bool(one, "normalized", true);
    return OK;
}

static Status read_added(Tokenizer *t, Arena *a, const json_t *vocab, const json_t *list,
                         const char *name, const char **texts)
{
    const size_t count = json_array_size(list);
    Special *specials = arena_take(a, (int64_t)(count * sizeof *specials)),
            *added = arena_take(a, (int64_t)(count * sizeof *added));
    if (!specials || !added) return FAIL(E_NOMEM, "%s: %zu added tokens", name, count);
    for (size_t i = 0; i < count; i++) {
        char part[64];
        const json_t *one = json_array_get(list, i);
        const bool is_special = part_bool(one, "special", false);
        Special *to = is_special ? &specials[t->special_count++] : &added[t->added_count++];
        snprintf(part, sizeof part, "added_tokens[%zu]", i);
        TRY(read_added_token(a, one, part, name, to));
        const json_t *number = json_object_get(vocab, to->text);
        if (number ? json_integer_value(number) != to->token : texts[to->token] != NULL)
            return PART_FAIL(name, part, "token %d has another text in model.vocab", to->token);
        texts[to->token] = to->text;
    }
    t->specials = specials;
    t->added = added;
    return OK;
}

int32_t special_end_of_text(const Special *specials, int64_t count)
{
    for (int e = 0; e < ENDS; e++)
        for (int64_t i = 0; i < count; i++)
            if (!strcmp(specials[i].text, ends[e])) return specials[i].token;
    return -1;
}

json_t *specials_describe(const Special *specials, int64_t count)
{
    json_t *list = json_array();
    for (const Special *s = specials; s < specials + count; s++)
        json_array_append_new(list,
                              json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id",
                                        (json_int_t)s->token, "content", s->text, "single_word", 0,
                                        "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1));
    return list;
}

Status specials_mark(Tokenizer *t, Arena *a)
{
    unsigned char *marks = arena_zero(a, t->vocab_size);
    if (!marks) return FAIL(E_NOMEM, "%lld tokens", (long long)t->vocab_size);
    for (int64_t i = 0; i < t->special_count; i++) marks[t->specials[i].token] = 1;
    for (int64_t i = 0; i < t->added_count; i++) marks[t->added[i].token] = 1;
    t->marks = marks;
    return OK;
}

bool is_special(const Tokenizer *t, int32_t token)
{
    return t->marks && t->marks[token];
}

static Status find_end(Tokenizer *t, const json_t *description, const char *name)
{
    char shown[64];
    const char *wanted = json_string_value(json_object_get(description, HUGGINGFACE_END));
    t->end_of_text = wanted ? -1 : special_end_of_text(t->specials, t->special_count);
    for (int64_t i = 0; wanted && i < t->special_count; i++)
        if (!strcmp(t->specials[i].text, wanted)) t->end_of_text = t->specials[i].token;
    if (t->end_of_text >= 0) return OK;
    if (wanted)
        return PART_FAIL(name, "added_tokens",
                         "no special token is \"%s\", which should end a text",
                         text_escape(wanted, shown, sizeof shown));
    return PART_FAIL(name, "added_tokens",
                     "no token ends a text: expected one of <|endoftext|>, <|end_of_text|>, </s>, "
                     "<eos>, <|eot_id|>, <|im_end|>, [EOS], [SEP]; --end-of-text names another");
}

Status huggingface_vocabulary(Tokenizer *t, Arena *a, const json_t *description, const char *name,
                              const char ***texts)
{
    const json_t *vocab = json_object_get(json_object_get(description, "model"), "vocab");
    const json_t *added = json_object_get(description, "added_tokens");
    const char *text;
    json_t *number;
    char shown[64];
    if (!json_is_object(vocab))
        return PART_FAIL(name, "model.vocab", "expected an object of tokens and their numbers");
    TRY(find_vocab_size(vocab, added, name, &t->vocab_size));
    const int64_t count = (int64_t)(json_object_size(vocab) + json_array_size(added));
    if (t->vocab_size > count + VOCABULARY_GAPS_MAX)
        return PART_FAIL(name, "model.vocab",
                         "numbers go up to %lld, but there are only %lld tokens; expected at most "
                         "%d numbers without one",
                         (long long)t->vocab_size - 1, (long long)count, VOCABULARY_GAPS_MAX);
    *texts = arena_zero(a, t->vocab_size * (int64_t)sizeof **texts);
    if (!*texts) return FAIL(E_NOMEM, "%s: %lld tokens", name, (long long)t->vocab_size);
    json_object_foreach((json_t *)vocab, text, number)
    {
        const char **place = &(*texts)[json_integer_value(number)];
        if (*place)
            return PART_FAIL(name, "model.vocab", "\"%s\": another token has the number %lld",
                             text_escape(text, shown, sizeof shown),
                             (long long)json_integer_value(number));
        *place = text;
    }
    TRY(read_added(t, a, vocab, added, name, *texts));
    TRY(specials_mark(t, a));
    return find_end(t, description, name);
}

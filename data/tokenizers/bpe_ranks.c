#include "data/tokenizers/bpe_model.h"

#include <string.h>

#include "data/tokenizers/huggingface.h"
#include "data/tokenizers/ranks.h"

static Status read_specials(Tokenizer *t, BpeModel *m, Arena *a, const json_t *list,
                            const char *name)
{
    Special *specials = arena_take(a, (int64_t)(json_object_size(list) * sizeof *specials));
    const char *text;
    json_t *number;
    if (!specials) return FAIL(E_NOMEM, "%s: special tokens", name);
    t->specials = specials;
    json_object_foreach((json_t *)list, text, number)
    {
        const int32_t id = (int32_t)json_integer_value(number);
        if (!json_is_integer(number) || json_integer_value(number) != id || id < 0 || !*text ||
            id >= t->vocab_size || m->tokens[id].bytes)
            return PART_FAIL(name, "special", "expected texts and numbers that no rank has");
        char *copy = arena_text(a, text);
        if (!copy) return FAIL(E_NOMEM, "%s: special tokens", name);
        specials[t->special_count++] =
            (Special){.text = copy, .size = (int64_t)strlen(copy), .token = id};
        m->tokens[id] = (TokenBytes){(unsigned char *)copy, (int64_t)strlen(copy)};
    }
    t->end_of_text = special_end_of_text(specials, t->special_count);
    TRY(specials_mark(t, a));
    return t->end_of_text >= 0 ? OK : PART_FAIL(name, "special", "<|endoftext|> is missing");
}

/* Makes a merge of every split of a token into two tokens: tiktoken merges any two neighbours
 * whose bytes together are a token. */
static Status merges_of_ranks(const Tokenizer *t, BpeModel *m, Arena *a)
{
    int64_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass) TRY(merges_open(&m->merges, a, count));
        for (int64_t i = 0; i < t->vocab_size; i++) {
            const TokenBytes *b = &m->tokens[i];
            for (int64_t cut = 1; cut < b->size; cut++) {
                const Word *l = words_find(&m->words, b->bytes, cut), *r;
                if (!l || !(r = words_find(&m->words, b->bytes + cut, b->size - cut))) continue;
                count++;
                if (pass)
                    merges_add(&m->merges, (int32_t)l->value, (int32_t)r->value, (int32_t)i,
                               (int32_t)i);
            }
        }
    }
    return OK;
}

Status bpe_read_ranks(Tokenizer *t, BpeModel *m, Arena *a, const json_t *description,
                      const char *name)
{
    const json_t *ranks = json_object_get(description, "ranks"),
                 *special = json_object_get(description, "special");
    const char *pattern = json_string_value(json_object_get(description, "pattern")), *text;
    json_t *number;
    int64_t largest;
    if (!pattern || !pattern_of_name(pattern, &m->pattern))
        return PART_FAIL(name, "pattern", "expected gpt2, gpt2_digits, cl100k, o200k or qwen2");
    if (!json_is_string(ranks) || !json_is_object(special))
        return FAIL(E_DATA, "%s: expected \"ranks\", a text, and \"special\", an object", name);
    TRY(ranks_read(&m->words, a, json_string_value(ranks), (int64_t)json_string_length(ranks), name,
                   &largest));
    t->vocab_size = largest + 1;
    json_object_foreach((json_t *)special, text, number)
    {
        if (json_integer_value(number) >= t->vocab_size &&
            json_integer_value(number) < VOCABULARY_MAX)
            t->vocab_size = json_integer_value(number) + 1;
    }
    if (t->vocab_size > VOCABULARY_MAX)
        return FAIL(E_DATA, "%s: ranks go up to %lld; expected at most %d", name,
                    (long long)largest, VOCABULARY_MAX - 1);
    if (t->vocab_size > m->words.used + (int64_t)json_object_size(special) + VOCABULARY_GAPS_MAX)
        return FAIL(E_DATA, "%s: ranks go up to %lld, but there are only %lld", name,
                    (long long)t->vocab_size - 1, (long long)m->words.used);
    m->tokens = arena_zero(a, t->vocab_size * (int64_t)sizeof *m->tokens);
    if (!m->tokens) return FAIL(E_NOMEM, "%s: tokens", name);
    for (const Word *w = m->words.slots; w < m->words.slots + m->words.room; w++) {
        if (!w->bytes) continue;
        if (m->tokens[w->value].bytes)
            return FAIL(E_DATA, "%s: two tokens have the rank %lld", name, (long long)w->value);
        m->tokens[w->value] = (TokenBytes){w->bytes, w->size};
        if (w->size == 1) m->byte[*w->bytes] = (int32_t)w->value;
    }
    m->from_ranks = true;
    TRY(merges_of_ranks(t, m, a));
    return read_specials(t, m, a, special, name);
}

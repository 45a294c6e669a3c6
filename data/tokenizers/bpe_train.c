#include <string.h>

#include "data/tokenizers/bpe_write.h"
#include "data/tokenizers/train.h"

enum { BYTES = 256, VOCABULARY_MOST = 1 << 22 };

static Status count(const void *context, const unsigned char *text, int64_t size, WordTable *words)
{
    const Pattern *pattern = context;
    const unsigned char *word;
    int64_t length;
    Pretokenizer p;
    Status status = pretokenize_open(&p, *pattern, text, size);
    while (status == OK && pretokenize_next(&p, &word, &length)) {
        Word *w = words_add(words, word, length, true);
        if (w)
            w->value++;
        else
            status = FAIL(E_NOMEM, "%lld words", (long long)words->used);
    }
    pretokenize_close(&p);
    return status;
}

static Status settled(const void *context, const unsigned char *text, int64_t size, int64_t *length)
{
    const Pattern *pattern = context;
    return pretokenize_settled(*pattern, text, size, length);
}

static Status add_words(Trainer *t, const WordTable *words)
{
    int64_t symbols = 0, longest = 0;
    for (const Word *w = words->slots; w < words->slots + words->room; w++) {
        symbols += w->size;
        if (w->size > longest) longest = w->size;
    }
    int32_t *tokens = arena_take(t->arena, longest * (int64_t)sizeof *tokens);
    if (!tokens) return FAIL(E_NOMEM, "words");
    TRY(trainer_room(t, words->used, symbols));
    for (const Word *w = words->slots; w < words->slots + words->room; w++) {
        if (w->size < 2) continue;
        for (uint32_t i = 0; i < w->size; i++) tokens[i] = w->bytes[i];
        trainer_add(t, tokens, w->size, w->value);
    }
    return OK;
}

static Status prepare_tokens(Trainer *t)
{
    Learn *l = &t->learn;
    l->most_tokens = t->p->vocab_size - t->special_count;
    if (l->most_tokens < BYTES || l->most_tokens > VOCABULARY_MOST)
        return FAIL(
            E_ARG,
            "a vocabulary of %lld tokens: expected %d to %d, with 256 bytes and %d special tokens",
            (long long)t->p->vocab_size, BYTES + t->special_count, VOCABULARY_MOST,
            t->special_count);
    l->tokens = arena_take(t->arena, l->most_tokens * (int64_t)sizeof *l->tokens);
    unsigned char *bytes = arena_take(t->arena, BYTES);
    if (!l->tokens || !bytes) return FAIL(E_NOMEM, "tokens");
    for (int i = 0; i < BYTES; i++) {
        bytes[i] = (unsigned char)i;
        l->tokens[i] = (Symbol){bytes + i, 1};
    }
    l->token_count = BYTES;
    return OK;
}

/* The texts that no merge may make: those of special tokens, and the bytes whose letters spell
 * them. */
static Status forbid_specials(Trainer *t)
{
    Learn *l = &t->learn;
    Symbol *forbidden = arena_take(t->arena, 2 * t->special_count * (int64_t)sizeof *forbidden);
    if (!forbidden) return FAIL(E_NOMEM, "special tokens");
    for (int i = 0; i < t->special_count; i++) {
        const unsigned char *text = (const unsigned char *)t->specials[i];
        const int64_t size = (int64_t)strlen(t->specials[i]);
        unsigned char *bytes = arena_take(t->arena, size);
        if (!bytes) return FAIL(E_NOMEM, "special tokens");
        forbidden[l->forbidden_count++] = (Symbol){text, size};
        const int64_t length = letters_bytes(t->specials[i], bytes);
        if (length > 0) forbidden[l->forbidden_count++] = (Symbol){bytes, length};
    }
    l->forbidden = forbidden;
    return OK;
}

static json_t *describe(Trainer *t, Pattern pattern)
{
    const Learn *l = &t->learn;
    TokenBytes *tokens = arena_take(t->arena, l->token_count * (int64_t)sizeof *tokens);
    const Special *specials = trainer_specials(t, l->token_count);
    if (!tokens || !specials) return NULL;
    for (int64_t i = 0; i < l->token_count; i++)
        tokens[i] = (TokenBytes){l->tokens[i].text, l->tokens[i].size};
    return bpe_describe(&(BpeParts){pattern, tokens, l->token_count, specials, t->special_count,
                                    l->merges, l->merge_count, false},
                        t->arena);
}

Status train_bpe(Trainer *t, json_t **description)
{
    Pattern pattern;
    WordTable words;
    if (!t->p->pattern || !pattern_of_name(t->p->pattern, &pattern))
        return FAIL(E_ARG, "--pattern %s: expected gpt2, gpt2_digits, cl100k, o200k or qwen2",
                    t->p->pattern ? t->p->pattern : "");
    TRY(prepare_tokens(t));
    TRY(trainer_count(t, &(Count){.count = count, .settled = settled, .context = &pattern},
                      &words));
    TRY(add_words(t, &words));
    TRY(forbid_specials(t));
    TRY(trainer_learn(t));
    *description = describe(t, pattern);
    return OK;
}

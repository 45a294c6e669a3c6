#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/bert.h"
#include "data/tokenizers/huggingface.h"
#include "data/tokenizers/train.h"

enum { CHARACTER_MAX = 8, VOCABULARY_MOST = 1 << 22 };

static Status count(const void *context, const unsigned char *text, int64_t size, WordTable *words)
{
    BertWords b;
    BertWord word;
    bert_open(&b, context, text, size);
    while (bert_next(&b, &word)) {
        if (word.characters > LEARN_WORD_MAX) continue; /* always [UNK] */
        Word *w = words_add(words, word.bytes, word.size, true);
        if (!w) return FAIL(E_NOMEM, "%lld words", (long long)words->used);
        w->value++;
    }
    return OK;
}

static Status settled(const void *context, const unsigned char *text, int64_t size, int64_t *length)
{
    (void)context;
    *length = bert_settled(text, size);
    return OK;
}

/* The symbol of the character at `at`: the character, with "##" before it unless it begins the
 * word. */
static int64_t symbol_at(const Word *w, int64_t at, unsigned char out[CHARACTER_MAX],
                         int64_t *length)
{
    *length = text_utf8_length(w->bytes + at, (size_t)(w->size - at));
    INVARIANT(*length > 0);
    memcpy(out, "##", 2);
    memcpy(out + (at ? 2 : 0), w->bytes + at, (size_t)*length);
    return *length + (at ? 2 : 0);
}

static int by_text(const void *a, const void *b)
{
    const Word *const *x = a, *const *y = b;
    const size_t size = (*x)->size < (*y)->size ? (*x)->size : (*y)->size;
    const int order = memcmp((*x)->bytes, (*y)->bytes, size);
    return order ? order : (int)(*x)->size - (int)(*y)->size;
}

static int by_count(const void *a, const void *b)
{
    const Word *const *x = a, *const *y = b;
    return (*x)->value != (*y)->value ? ((*x)->value > (*y)->value ? -1 : 1) : by_text(a, b);
}

static Status count_symbols(const WordTable *words, WordTable *symbols, int64_t *total)
{
    unsigned char text[CHARACTER_MAX];
    *total = 0;
    for (const Word *w = words->slots; w < words->slots + words->room; w++)
        for (int64_t at = 0, length; at < w->size; at += length) {
            const int64_t size = symbol_at(w, at, text, &length);
            Word *symbol = words_add(symbols, text, size, true);
            if (!symbol) return FAIL(E_NOMEM, "%lld characters", (long long)symbols->used);
            symbol->value += w->value;
            ++*total;
        }
    return OK;
}

/* Makes symbols tokens: all, or the commonest up to half the vocabulary, numbered in the order
 * of their texts. The value of a symbol becomes its token number, or -1. */
static Status choose_symbols(Trainer *t, WordTable *symbols)
{
    Learn *l = &t->learn;
    Word **list = arena_take(t->arena, symbols->used * (int64_t)sizeof *list);
    l->most_tokens = t->p->vocab_size - t->special_count;
    if (l->most_tokens < 2 || l->most_tokens > VOCABULARY_MOST)
        return FAIL(E_ARG, "a vocabulary of %lld: expected %d to %d", (long long)t->p->vocab_size,
                    t->special_count + 2, VOCABULARY_MOST);
    l->tokens = arena_take(t->arena, l->most_tokens * (int64_t)sizeof *l->tokens);
    if (!list || !l->tokens) return FAIL(E_NOMEM, "tokens");
    int64_t count = 0, kept = l->most_tokens / 2;
    for (Word *w = symbols->slots; w < symbols->slots + symbols->room; w++)
        if (w->bytes) list[count++] = w;
    if (kept > count) kept = count;
    qsort(list, (size_t)count, sizeof *list, by_count);
    qsort(list, (size_t)kept, sizeof *list, by_text);
    for (int64_t i = 0; i < count; i++) {
        list[i]->value = i < kept ? i : -1;
        if (i < kept) l->tokens[i] = (Symbol){list[i]->bytes, list[i]->size};
    }
    l->token_count = kept;
    l->prefix = 2;
    return OK;
}

static Status add_words(Trainer *t, const WordTable *words, const WordTable *symbols, int64_t total)
{
    unsigned char text[CHARACTER_MAX];
    TRY(trainer_room(t, words->used, total));
    for (const Word *w = words->slots; w < words->slots + words->room; w++) {
        int32_t numbers[LEARN_WORD_MAX];
        int64_t used = 0;
        bool known = true;
        for (int64_t at = 0, length; at < w->size && known; at += length) {
            const int64_t size = symbol_at(w, at, text, &length);
            numbers[used] = (int32_t)words_find(symbols, text, size)->value;
            known = numbers[used++] >= 0;
        }
        if (known && used > 1) trainer_add(t, numbers, used, w->value);
    }
    return OK;
}

static Status forbid_specials(Trainer *t)
{
    Learn *l = &t->learn;
    Symbol *forbidden = arena_take(t->arena, t->special_count * (int64_t)sizeof *forbidden);
    if (!forbidden) return FAIL(E_NOMEM, "special tokens");
    for (int i = 0; i < t->special_count; i++) {
        const char *text = t->specials[i];
        forbidden[i] = (Symbol){(const unsigned char *)text, (int64_t)strlen(text)};
    }
    l->forbidden = forbidden;
    l->forbidden_count = t->special_count;
    return OK;
}

/* Special tokens come first, as in BERT. NULL: out of memory. */
static json_t *describe(const Trainer *t)
{
    const Learn *l = &t->learn;
    const Special *specials = trainer_specials(t, 0);
    if (!specials) return NULL;
    json_t *vocab = json_object();
    for (int i = 0; i < t->special_count; i++)
        json_object_set_new(vocab, t->specials[i], json_integer(i));
    for (int64_t i = 0; i < l->token_count; i++)
        json_object_setn_new(vocab, (const char *)l->tokens[i].text, (size_t)l->tokens[i].size,
                             json_integer(t->special_count + i));
    return json_pack("{s:s, s:n, s:n, s:o, s:{s:s, s:b, s:b, s:n, s:b}, s:{s:s}, s:n, s:{s:s, s:s, "
                     "s:b}, s:{s:s, "
                     "s:s, s:s, s:i, s:o}}",
                     "version", "1.0", "truncation", "padding", "added_tokens",
                     specials_describe(specials, t->special_count), "normalizer", "type",
                     "BertNormalizer", "clean_text", 1, "handle_chinese_chars", 1, "strip_accents",
                     "lowercase", (int)!t->p->keep_case, "pre_tokenizer", "type",
                     "BertPreTokenizer", "post_processor", "decoder", "type", "WordPiece", "prefix",
                     "##", "cleanup", 1, "model", "type", "WordPiece", "unk_token", "[UNK]",
                     "continuing_subword_prefix", "##", "max_input_chars_per_word", 100, "vocab",
                     vocab);
}

static Status has_unknown(const Trainer *t)
{
    for (int i = 0; i < t->special_count; i++)
        if (!strcmp(t->specials[i], "[UNK]")) return OK;
    return FAIL(E_ARG, "no special token [UNK]: WordPiece needs it for unknown words");
}

Status train_wordpiece(Trainer *t, json_t **description)
{
    const bool fold = !t->p->keep_case;
    const BertRules rules = {true, true, fold, fold};
    WordTable words, symbols;
    int64_t total;
    TRY(has_unknown(t));
    TRY(trainer_count(t, &(Count){.count = count, .settled = settled, .context = &rules}, &words));
    if (!words_open(&symbols, t->arena, 1 << 12)) return FAIL(E_NOMEM, "characters");
    TRY(count_symbols(&words, &symbols, &total));
    TRY(choose_symbols(t, &symbols));
    TRY(add_words(t, &words, &symbols, total));
    TRY(forbid_specials(t));
    TRY(trainer_learn(t));
    *description = describe(t);
    return OK;
}

#include "data/tokenizer_train.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "autograd/base/text.h"
#include "data/tokenizers/huggingface.h"
#include "data/tokenizers/train.h"

static const struct {
    const char *name;
    Status (*train)(Trainer *t, json_t **description);
    const char *specials[6]; /* the defaults */
    int special_count;
} kinds[] = {
    {"bpe", train_bpe, {"<|endoftext|>"}, 1},
    {"wordpiece", train_wordpiece, {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, 5},
};

enum { KINDS = sizeof kinds / sizeof *kinds, SPECIALS_MAX = 1024 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

Status trainer_count(Trainer *t, Count *c, WordTable *words)
{
    const double start = now();
    c->texts = &t->p->texts;
    c->show_progress = t->p->show_progress;
    TRY(count_words(c, t->arena, words));
    t->summary->bytes = c->bytes;
    t->summary->bad = c->bad;
    t->summary->documents = c->documents;
    t->summary->words = words->used;
    t->summary->count_seconds = now() - start;
    return OK;
}

Status trainer_learn(Trainer *t)
{
    Learn *l = &t->learn;
    const double start = now();
    l->arena = t->arena;
    l->min_count = t->p->min_count > 1 ? t->p->min_count : 1;
    TRY(learn_merges(l));
    t->summary->vocab_size = l->token_count + t->special_count;
    t->summary->merges = l->merge_count;
    t->summary->merge_seconds = now() - start;
    return OK;
}

Status trainer_room(Trainer *t, int64_t words, int64_t symbols)
{
    Learn *l = &t->learn;
    const int64_t most = words + symbols / LEARN_WORD_MAX;
    l->words = arena_take(t->arena, most * (int64_t)sizeof *l->words);
    l->symbols = arena_take(t->arena, symbols * (int64_t)sizeof *l->symbols);
    l->word_count = 0;
    if (most > INT32_MAX) return FAIL(E_DATA, "%lld different words are too many", (long long)most);
    return l->words && l->symbols ? OK : FAIL(E_NOMEM, "%lld words", (long long)words);
}

void trainer_add(Trainer *t, const int32_t *symbols, int64_t length, int64_t count)
{
    Learn *l = &t->learn;
    const LearnWord *last = l->word_count ? &l->words[l->word_count - 1] : NULL;
    int64_t begin = last ? last->begin + last->length : 0;
    memcpy(l->symbols + begin, symbols, (size_t)length * sizeof *symbols);
    while (length > 0) {
        const int32_t part = length < LEARN_WORD_MAX ? (int32_t)length : LEARN_WORD_MAX;
        l->words[l->word_count++] = (LearnWord){count, begin, part};
        begin += part;
        length -= part;
    }
}

const Special *trainer_specials(const Trainer *t, int64_t first)
{
    Special *specials = arena_take(t->arena, t->special_count * (int64_t)sizeof *specials);
    for (int i = 0; specials && i < t->special_count; i++)
        specials[i] = (Special){.text = t->specials[i],
                                .size = (int64_t)strlen(t->specials[i]),
                                .token = (int32_t)(first + i)};
    return specials;
}

static Status check_specials(const Trainer *t)
{
    Special specials[SPECIALS_MAX];
    if (t->special_count > SPECIALS_MAX)
        return FAIL(E_ARG, "%d special tokens; at most %d", t->special_count, SPECIALS_MAX);
    for (int i = 0; i < t->special_count; i++) {
        const char *text = t->specials[i];
        const int64_t size = (int64_t)strlen(text);
        int64_t characters = 0;
        char shown[64];
        for (int64_t at = 0; at < size; characters++) {
            const int length =
                text_utf8_length((const unsigned char *)text + at, (size_t)(size - at));
            if (length < 1)
                return FAIL(E_ARG, "special token \"%s\": not UTF-8",
                            text_escape(text, shown, sizeof shown));
            at += length;
        }
        if (characters < 2)
            return FAIL(E_ARG, "special token \"%s\": expected at least two characters",
                        text_escape(text, shown, sizeof shown));
        for (int k = 0; k < i; k++)
            if (!strcmp(text, t->specials[k]))
                return FAIL(E_ARG, "special token \"%s\" is given twice",
                            text_escape(text, shown, sizeof shown));
        specials[i] = (Special){.text = text, .size = size, .token = i};
    }
    if (special_end_of_text(specials, t->special_count) < 0)
        return FAIL(E_ARG, "no special token ends a text: one must be <|endoftext|>, "
                           "<|end_of_text|>, </s>, <eos>, [EOS] or [SEP]");
    return OK;
}

Status tokenizer_train(const TokenizerTrain *p, Arena *a, char **text, int64_t *size,
                       TokenizerTrainSummary *summary)
{
    Trainer t = {p, a, summary, p->specials, p->special_count, {0}};
    int kind = 0;
    *summary = (TokenizerTrainSummary){0};
    while (kind < KINDS && strcmp(p->kind, kinds[kind].name)) kind++;
    if (kind == KINDS) return FAIL(E_ARG, "--kind %s: expected bpe or wordpiece", p->kind);
    if (!t.special_count) {
        t.specials = kinds[kind].specials;
        t.special_count = kinds[kind].special_count;
    }
    TRY(check_specials(&t));
    TRY(texts_check(&p->texts));

    json_t *description = NULL;
    TRY(kinds[kind].train(&t, &description));
    char *json = description ? json_dumps(description, JSON_INDENT(1)) : NULL;
    json_decref(description);
    *text = json ? arena_text(a, json) : NULL;
    free(json);
    if (!*text) return FAIL(E_NOMEM, "a tokenizer of %lld tokens", (long long)summary->vocab_size);
    *size = (int64_t)strlen(*text);
    return OK;
}

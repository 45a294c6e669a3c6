/* Vocabularies with a score for each token, as in SentencePiece's own files, GGUF and llama2.c: of
 * all pairs of neighbours that are a token together, the one with the highest score is merged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenizers/huggingface.h"
#include "data/tokenizers/sentencepiece.h"

/* Types of tokens as GGUF numbers them. */
enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

enum { TOKEN_MAX = 1024 };

static bool is_entry(const json_t *one)
{
    const json_t *type = json_array_get(one, 2);
    return json_is_string(json_array_get(one, 0)) && json_is_number(json_array_get(one, 1)) &&
           (!type || (json_is_integer(type) && json_integer_value(type) >= NORMAL &&
                      json_integer_value(type) <= BYTE));
}

static int type_of(const json_t *pieces, int64_t i)
{
    const json_t *type = json_array_get(json_array_get(pieces, (size_t)i), 2);
    return type ? (int)json_integer_value(type) : NORMAL;
}

static const char *text_of(const json_t *pieces, int64_t i)
{
    return json_string_value(json_array_get(json_array_get(pieces, (size_t)i), 0));
}

static Status read_token_of(Tokenizer *t, SentencePiece *m, Arena *a, const json_t *pieces,
                            int32_t i, const char *name)
{
    const int type = type_of(pieces, i), byte = sentencepiece_byte(text_of(pieces, i));
    int64_t size = (int64_t)strlen(text_of(pieces, i));
    char *text = m->escapes ? sentencepiece_unescape(a, text_of(pieces, i), &size)
                            : (char *)arena_text(a, text_of(pieces, i));
    if (!text) return FAIL(E_NOMEM, "%s: tokens", name);
    if (size > TOKEN_MAX)
        return PART_FAIL(name, "pieces", "token %d has %lld bytes; expected at most %d", i,
                         (long long)size, TOKEN_MAX);
    if (type == UNKNOWN) m->unknown = i;
    if (size && (type == CONTROL || type == UNKNOWN))
        ((Special *)t->specials)[t->special_count++] =
            (Special){.text = text, .size = size, .token = i};
    if (type == BYTE) {
        if (byte < 0 || m->byte[byte] >= 0)
            return PART_FAIL(name, "pieces", "token %d is no byte, or one that is there before", i);
        m->byte[byte] = i;
        *text = (char)byte;
        size = 1;
    }
    return sentencepiece_add(m, i, text, size, size && (type == NORMAL || type == USER_DEFINED));
}

static Status read_list(Tokenizer *t, SentencePiece *m, Arena *a, const json_t *pieces,
                        const char *name)
{
    t->specials = arena_take(a, t->vocab_size * (int64_t)sizeof *t->specials);
    m->pieces = arena_zero(a, t->vocab_size * (int64_t)sizeof *m->pieces);
    if (!t->specials || !m->pieces || !words_open(&m->texts, a, t->vocab_size))
        return FAIL(E_NOMEM, "%s: tokens", name);
    for (int64_t i = 0; i < t->vocab_size; i++) {
        if (!is_entry(json_array_get(pieces, (size_t)i)))
            return PART_FAIL(name, "pieces",
                             "entry %lld: expected [text, score] or [text, score, type]",
                             (long long)i);
        TRY(read_token_of(t, m, a, pieces, (int32_t)i, name));
    }
    return OK;
}

typedef struct Ranked {
    double score;
    int32_t token;
} Ranked;

static int by_score(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score)
                                : (x->token > y->token) - (x->token < y->token);
}

/* Token i from each two tokens that it is made of; returns their number. add: NULL, only count. */
static int64_t merges_of(const SentencePiece *m, int32_t i, int32_t rank, Merges *add)
{
    const Piece *p = &m->pieces[i];
    const Word *whole = words_find(&m->texts, p->bytes, p->size);
    int64_t count = 0;
    if (!whole || whole->value != i) return 0;
    for (int64_t cut = 1; cut < p->size; cut++) {
        const Word *left = words_find(&m->texts, p->bytes, cut),
                   *right = words_find(&m->texts, p->bytes + cut, p->size - cut);
        if (!left || !right) continue;
        count++;
        if (add) merges_add(add, (int32_t)left->value, (int32_t)right->value, rank, i);
    }
    return count;
}

static Status make_merges(SentencePiece *m, Arena *a, const Ranked *ranked, int64_t count)
{
    int64_t merges = 0;
    for (int64_t i = 0; i < count; i++) merges += merges_of(m, ranked[i].token, 0, NULL);
    TRY(merges_open(&m->merges, a, merges));
    for (int64_t i = 0, rank = 0; i < count; i++) {
        if (i && ranked[i].score < ranked[i - 1].score) rank++; /* equal ones: the leftmost */
        merges_of(m, ranked[i].token, (int32_t)rank, &m->merges);
    }
    return OK;
}

static Status rank(const Tokenizer *t, SentencePiece *m, Arena *a, const json_t *pieces,
                   const char *name)
{
    Ranked *ranked = malloc((size_t)t->vocab_size * sizeof *ranked);
    if (!ranked) return FAIL(E_NOMEM, "%s: tokens", name);
    int64_t count = 0;
    for (int64_t i = 0; i < t->vocab_size; i++) {
        const json_t *score = json_array_get(json_array_get(pieces, (size_t)i), 1);
        if (m->pieces[i].size &&
            (type_of(pieces, i) == NORMAL || type_of(pieces, i) == USER_DEFINED))
            ranked[count++] = (Ranked){json_number_value(score), (int32_t)i};
    }
    qsort(ranked, (size_t)count, sizeof *ranked, by_score);
    const Status status = make_merges(m, a, ranked, count);
    free(ranked);
    return status;
}

static Status read_token(const json_t *description, const char *key, const Tokenizer *t,
                         const char *name, int32_t *token)
{
    const json_t *value = json_object_get(description, key);
    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        json_integer_value(value) < t->vocab_size) {
        *token = (int32_t)json_integer_value(value);
        return OK;
    }
    return PART_FAIL(name, key, "expected a token from 0 to %lld", (long long)t->vocab_size - 1);
}

Status sentencepiece_read_scores(Tokenizer *t, SentencePiece *m, Arena *a,
                                 const json_t *description, const char *name)
{
    const json_t *pieces = json_object_get(description, "pieces");
    const size_t count = json_array_size(pieces);
    if (!count || count > VOCABULARY_MAX)
        return PART_FAIL(name, "pieces", "expected 1 to %d tokens", VOCABULARY_MAX);
    t->vocab_size = (int64_t)count;
    m->has_scores = true;
    m->escapes = part_bool(description, "escape", true);
    m->blank = part_bool(description, "add_prefix", true) ? BLANK_always : BLANK_never;
    t->blank_after_special = m->blank != BLANK_never;
    TRY(read_token(description, "end_of_text", t, name, &t->end_of_text));
    if (json_object_get(description, "begin"))
        TRY(read_token(description, "begin", t, name, &t->begin_of_text));
    TRY(read_list(t, m, a, pieces, name));
    TRY(specials_mark(t, a));
    return rank(t, m, a, pieces, name);
}

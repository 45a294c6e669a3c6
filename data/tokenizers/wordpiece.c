/* WordPiece as in BERT (Schuster & Nakajima 2012; Devlin et al. 2019, arXiv:1810.04805): takes
 * the longest token at the beginning of a word, then the longest "##" token at the beginning of
 * the rest, and so on; a word that cannot be split this way is [UNK]. White space and characters
 * that the normalizer removes are lost. A token at the beginning of a word decodes to a blank
 * and its text. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/bert.h"
#include "data/tokenizers/huggingface.h"
#include "data/tokenizers/words.h"

typedef struct WordPiece {
    BertRules rules;
    WordTable first, rest; /* tokens that begin a word; "##" tokens, without the "##" */
    int64_t longest;       /* bytes of the longest */
    int64_t word_max;      /* characters; longer words are unknown */
    int32_t unknown;
    const char **texts; /* [vocab_size]: decoded texts; NULL: no such token */
} WordPiece;

static Status read_rules(WordPiece *w, const json_t *description, const char *name)
{
    const json_t *part = json_object_get(description, "normalizer");
    char shown[64];
    if (strcmp(part_type(part), "BertNormalizer"))
        return PART_FAIL(name, "normalizer", "type %s is not supported; expected BertNormalizer",
                         text_escape(part_type(part), shown, sizeof shown));
    w->rules.clean = part_bool(part, "clean_text", true);
    w->rules.chinese = part_bool(part, "handle_chinese_chars", true);
    w->rules.lowercase = part_bool(part, "lowercase", true);
    w->rules.strip_accents = part_bool(part, "strip_accents", w->rules.lowercase);

    part = json_object_get(description, "pre_tokenizer");
    if (strcmp(part_type(part), "BertPreTokenizer"))
        return PART_FAIL(name, "pre_tokenizer",
                         "type %s is not supported; expected BertPreTokenizer",
                         text_escape(part_type(part), shown, sizeof shown));
    part = json_object_get(description, "decoder");
    if (strcmp(part_type(part), "WordPiece") && strcmp(part_type(part), "null"))
        return PART_FAIL(name, "decoder", "expected WordPiece");
    return huggingface_check(description, name);
}

static Status read_limits(WordPiece *w, const json_t *model, const char *name)
{
    const json_t *prefix = json_object_get(model, "continuing_subword_prefix"),
                 *most = json_object_get(model, "max_input_chars_per_word"),
                 *unknown = json_object_get(model, "unk_token"),
                 *token =
                     json_object_get(json_object_get(model, "vocab"),
                                     json_is_string(unknown) ? json_string_value(unknown) : "");
    if (prefix && (!json_is_string(prefix) || strcmp(json_string_value(prefix), "##")))
        return PART_FAIL(name, "model.continuing_subword_prefix", "expected \"##\"");
    w->word_max = most ? json_integer_value(most) : 100;
    if (w->word_max < 1 || w->word_max > BERT_WORD_MAX)
        return PART_FAIL(name, "model.max_input_chars_per_word", "expected a number from 1 to %d",
                         BERT_WORD_MAX);
    if (!json_is_string(unknown) || !token)
        return PART_FAIL(name, "model.unk_token", "expected one of the tokens of model.vocab");
    w->unknown = (int32_t)json_integer_value(token);
    return OK;
}

static Status read_tokens(const Tokenizer *t, WordPiece *w, Arena *a, const char *const *texts,
                          const char *name)
{
    w->texts = arena_zero(a, t->vocab_size * (int64_t)sizeof *w->texts);
    if (!w->texts || !words_open(&w->first, a, t->vocab_size) ||
        !words_open(&w->rest, a, t->vocab_size))
        return FAIL(E_NOMEM, "%s: tokens", name);
    for (int64_t i = 0; i < t->vocab_size; i++) {
        if (!texts[i]) continue;
        const int64_t length = (int64_t)strlen(texts[i]);
        const bool goes_on = length > 2 && !memcmp(texts[i], "##", 2),
                   special = is_special(t, (int32_t)i);
        char *text = arena_take(a, length + 2);
        if (!text) return FAIL(E_NOMEM, "%s: tokens", name);
        sprintf(text, "%s%s", (special && i != w->unknown) || goes_on ? "" : " ",
                texts[i] + (goes_on && !special ? 2 : 0));
        w->texts[i] = text;
        if (special) continue;
        Word *word = words_add(goes_on ? &w->rest : &w->first,
                               (const unsigned char *)text + !goes_on, length - 2 * goes_on, false);
        if (!word) return FAIL(E_NOMEM, "%s: tokens", name);
        word->value = i;
        if (length > w->longest) w->longest = length;
    }
    return OK;
}

static Status read_model(Tokenizer *t, Arena *a, const json_t *description, const char *name)
{
    WordPiece *w = arena_zero(a, sizeof *w);
    const char **texts;
    if (!w) return FAIL(E_NOMEM, "%s: a WordPiece tokenizer", name);
    t->state = w;
    t->leading_blank = true;
    TRY(read_rules(w, description, name));
    TRY(huggingface_vocabulary(t, a, description, name, &texts));
    TRY(read_limits(w, json_object_get(description, "model"), name));
    return read_tokens(t, w, a, texts, name);
}

/* The longest token of the word at `at`; moves at past it. NULL: none. */
static const Word *longest_token(const WordPiece *w, const BertWord *word, int64_t *at)
{
    const WordTable *table = *at ? &w->rest : &w->first;
    int64_t end = *at + w->longest < word->size ? *at + w->longest : word->size;
    for (; end > *at; end--) {
        if (end < word->size && (word->bytes[end] & 0xC0) == 0x80)
            continue; /* would cut a character */
        const Word *found = words_find(table, word->bytes + *at, end - *at);
        if (!found) continue;
        *at = end;
        return found;
    }
    return NULL;
}

static int64_t encode_word(const WordPiece *w, const BertWord *word, int32_t *out)
{
    int64_t used = 0, at = 0;
    while (word->characters <= w->word_max && at < word->size) {
        const Word *token = longest_token(w, word, &at);
        if (!token) break;
        out[used++] = (int32_t)token->value;
    }
    if (word->characters <= w->word_max && at == word->size) return used;
    out[0] = w->unknown;
    return 1;
}

static Status encode(const Tokenizer *t, const TextPlace *place, const unsigned char *text,
                     int64_t size, int32_t *out, int64_t *count)
{
    const WordPiece *w = t->state;
    BertWords words;
    BertWord word;
    (void)place;
    *count = 0;
    bert_open(&words, &w->rules, text, size);
    while (bert_next(&words, &word)) *count += encode_word(w, &word, out + *count);
    return OK;
}

static const char *bytes(const Tokenizer *t, int32_t token, int64_t *size)
{
    const WordPiece *w = t->state;
    const char *text = w->texts[token] ? w->texts[token] : "";
    *size = (int64_t)strlen(text);
    return text;
}

static Status settled(const Tokenizer *t, const unsigned char *text, int64_t size, int64_t *length)
{
    (void)t;
    *length = bert_settled(text, size);
    return OK;
}

const TokenizerKind tokenizer_kind_wordpiece = {
    .name = "wordpiece",
    .model = "WordPiece",
    .read = read_model,
    .encode = encode,
    .bytes = bytes,
    .settled = settled,
};

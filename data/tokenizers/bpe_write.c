#include "data/tokenizers/bpe_write.h"

#include <stdlib.h>
#include <string.h>

#include "data/tokenizers/huggingface.h"

static char *letters_of(const TokenBytes *b, char *out)
{
    char *end = out;
    *end = '\0';
    for (int64_t i = 0; i < b->size; i++) end += byte_letter(b->bytes[i], end);
    return out;
}

static json_t *byte_level(bool trim_offsets, bool use_regex)
{
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                     "trim_offsets", (int)trim_offsets, "use_regex", (int)use_regex);
}

static json_t *pre_tokenizer(Pattern pattern)
{
    if (pattern == PATTERN_gpt2) return byte_level(true, true);
    return json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, o]}", "type", "Sequence", "pretokenizers",
                     "type", "Split", "pattern", "Regex", pattern_text(pattern), "behavior",
                     "Isolated", "invert", 0, byte_level(true, false));
}

json_t *bpe_describe(const BpeParts *p, Arena *a)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < p->count; i++)
        if (p->tokens[i].size > longest) longest = p->tokens[i].size;
    char *left = arena_take(a, 2 * longest + 1), *right = arena_take(a, 2 * longest + 1);
    if (!left || !right) return NULL;
    json_t *vocab = json_object(), *merges = json_array();
    for (int64_t i = 0; i < p->count; i++)
        if (p->tokens[i].bytes)
            json_object_set_new(vocab, letters_of(&p->tokens[i], left), json_integer(i));
    for (int64_t i = 0; i < p->special_count; i++)
        json_object_set_new(vocab, p->specials[i].text, json_integer(p->specials[i].token));
    for (int64_t i = 0; i < p->merge_count; i++)
        json_array_append_new(merges,
                              json_sprintf("%s %s", letters_of(&p->tokens[p->merges[i].left], left),
                                           letters_of(&p->tokens[p->merges[i].right], right)));
    return json_pack(
        "{s:s, s:n, s:n, s:o, s:n, s:o, s:o, s:o, s:{s:s, s:n, s:n, s:n, s:n, s:b, s:b, "
        "s:b, s:o, s:o}}",
        "version", "1.0", "truncation", "padding", "added_tokens",
        specials_describe(p->specials, p->special_count), "normalizer", "pre_tokenizer",
        pre_tokenizer(p->pattern), "post_processor", byte_level(false, true), "decoder",
        byte_level(true, true), "model", "type", "BPE", "dropout", "unk_token",
        "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0,
        "ignore_merges", (int)p->ignore_merges, "vocab", vocab, "merges", merges);
}

static int by_left(const void *a, const void *b)
{
    const Pair *x = a, *y = b;
    return x->left != y->left ? (x->left < y->left ? -1 : 1)
                              : (x->right > y->right) - (x->right < y->right);
}

/* The merges of a token are listed together, in token order; ignore_merges is set because
 * tiktoken makes a pre-token that is in the vocabulary one token. If a text has several pairs of
 * equal rank, tiktoken merges the leftmost and this tokenizer.json the one listed first: runs of
 * one letter may differ. */
Status bpe_describe_ranks(const Tokenizer *t, Arena *a, json_t **description)
{
    const BpeModel *m = t->state;
    TokenBytes *tokens = arena_take(a, t->vocab_size * (int64_t)sizeof *tokens);
    Pair *merges = arena_take(a, m->merges.used * (int64_t)sizeof *merges);
    if (!tokens || !merges) return FAIL(E_NOMEM, "merges");
    int64_t count = 0;
    for (int64_t i = 0; i < t->vocab_size; i++) {
        const int64_t before = count;
        tokens[i] = is_special(t, (int32_t)i) ? (TokenBytes){NULL, 0} : m->tokens[i];
        for (int64_t cut = 1; cut < tokens[i].size; cut++) {
            const Word *l = words_find(&m->words, tokens[i].bytes, cut),
                       *r = words_find(&m->words, tokens[i].bytes + cut, tokens[i].size - cut);
            if (l && r) merges[count++] = (Pair){(int32_t)l->value, (int32_t)r->value};
        }
        qsort(merges + before, (size_t)(count - before), sizeof *merges, by_left);
    }
    INVARIANT(count == m->merges.used);
    *description = bpe_describe(&(BpeParts){m->pattern, tokens, t->vocab_size, t->specials,
                                            t->special_count, merges, count, true},
                                a);
    return *description ? OK : FAIL(E_NOMEM, "merges");
}

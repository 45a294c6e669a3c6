/* How byte-level BPE cuts text into words, as llama.cpp names it. "llama-bpe" also takes a word that is
 * a token as it is (ignore_merges), which no other one does. */
#include <string.h>

#include "data/tokenizers/pretokenize.h"
#include "train/formats/vocabulary.h"

static const struct {
    const char *name;
    Pattern pattern;
    bool ignore_merges;
} rows[] = {
    {"gpt-2", PATTERN_gpt2, false},   {"smollm", PATTERN_gpt2_digits, false},
    {"dbrx", PATTERN_cl100k, false},  {"llama-bpe", PATTERN_cl100k, true},
    {"gpt-4o", PATTERN_o200k, false}, {"qwen2", PATTERN_qwen2, false},
};

enum { ROWS = sizeof rows / sizeof *rows };

Status vocabulary_pattern_name(const Vocabulary *v, const char **name)
{
    Pattern pattern = v->digits ? PATTERN_gpt2_digits : PATTERN_gpt2;
    const bool is_known = !v->regex || pattern_of_text(v->regex, &pattern);
    for (int i = 0; is_known && i < ROWS; i++)
        if (rows[i].pattern == pattern && rows[i].ignore_merges == v->ignore_merges) {
            *name = rows[i].name;
            return OK;
        }
    return FAIL(E_ARG,
                "the tokenizer cuts text into words by a pattern%s that llama.cpp has no name "
                "for",
                v->ignore_merges ? ", with ignore_merges," : "");
}

bool vocabulary_pattern(Vocabulary *v, const char *name)
{
    for (int i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, name)) continue;
        v->digits = rows[i].pattern == PATTERN_gpt2_digits;
        v->ignore_merges = rows[i].ignore_merges;
        v->regex =
            v->digits || rows[i].pattern == PATTERN_gpt2 ? NULL : pattern_text(rows[i].pattern);
        return true;
    }
    return false;
}

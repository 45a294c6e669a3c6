/* Pre-tokenization: cuts text into pre-tokens, mostly words, that no token crosses.
 *
 * The cuts follow a regular expression, run by PCRE2's JIT. A run of bytes that are not UTF-8 is
 * a pre-token, and the text before and after it is cut as if it were alone. */
#ifndef DATA_TOKENIZERS_PRETOKENIZE_H
#define DATA_TOKENIZERS_PRETOKENIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"

/* The patterns of GPT-2, of cl100k (GPT-3.5, GPT-4, also Llama 3), of o200k (GPT-4o) and of Qwen 2;
 * gpt2_digits is that of GPT-2 after each digit was cut off (SmolLM). */
#define PATTERN_LIST(X) X(gpt2) X(cl100k) X(o200k) X(qwen2) X(gpt2_digits)

#define X(name) PATTERN_##name,
typedef enum Pattern { PATTERN_LIST(X) PATTERNS } Pattern;
#undef X

const char *pattern_name(Pattern p);
const char *pattern_text(Pattern p); /* as in the original and in tokenizer.json */

/* The pattern of that name or text; false: unknown. */
bool pattern_of_name(const char *name, Pattern *p);
bool pattern_of_text(const char *text, Pattern *p);

typedef struct Pretokenizer {
    const struct PatternCode *code;
    void *match;
    const unsigned char *text;
    int64_t size, at;      /* at: where the next pre-token begins */
    int64_t segment, last; /* a range that is UTF-8 if is_text, otherwise not */
    bool is_text;
} Pretokenizer;

/* Borrows text. E_NOMEM. Call pretokenize_close() in any case. Each thread may have a
 * Pretokenizer. */
Status pretokenize_open(Pretokenizer *p, Pattern pattern, const unsigned char *text, int64_t size);

/* Starts on another text. */
void pretokenize_restart(Pretokenizer *p, const unsigned char *text, int64_t size);

/* The next pre-token, [*begin, *begin + *size); false after the last. None is empty; together
 * they are the whole text. */
bool pretokenize_next(Pretokenizer *p, const unsigned char **begin, int64_t *size);
void pretokenize_close(Pretokenizer *p);

/* The number of bytes whose pre-tokens do not depend on text that follows; 0: not known. */
Status pretokenize_settled(Pattern pattern, const unsigned char *text, int64_t size,
                           int64_t *settled);

#endif

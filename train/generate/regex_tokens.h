/* Which tokens a regular expression allows: the whole new text matches it.
 *
 * A token is allowed if a text that matches can still be completed after it, in the tokens of the
 * vocabulary and in the number of tokens that are left. End-of-text is allowed where the text
 * matches; other tokens without bytes never are. */
#ifndef TRAIN_GENERATE_REGEX_TOKENS_H
#define TRAIN_GENERATE_REGEX_TOKENS_H

#include "data/tokenizer.h"
#include "train/generate/regex.h"

typedef struct RegexTokens {
    Regex regex;
    const Tokenizer *tokenizer;
    int64_t vocab_size;
    int32_t *distance; /* [states]: the fewest tokens to a match; INT32_MAX: there is none */
} RegexTokens;

/* tokens: the most that a text may have. E_ARG: the pattern is wrong, there is no tokenizer, or no
 * text of at most that many tokens matches. Lives in a. */
Status regex_tokens_open(RegexTokens *r, Arena *a, const char *pattern, const Tokenizer *t,
                         int64_t vocab_size, int64_t tokens);

/* The state after a token; REGEX_DEAD: no text that matches begins so. */
int32_t regex_tokens_step(const RegexTokens *r, int32_t state, int32_t token);

#endif

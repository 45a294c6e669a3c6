/* Pre-tokenisation: text is cut into pieces, mostly words, that no token crosses.
 *
 * A pattern (a regular expression, run by PCRE2's JIT) says where. Bytes that are not UTF-8 are no
 * text to it: a run of them is a piece, and the text before and after is cut as if it stood alone. */
#ifndef DATA_TOKENIZERS_PRETOKENIZE_H
#define DATA_TOKENIZERS_PRETOKENIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"

/* The patterns of GPT-2, of cl100k (GPT-3.5, GPT-4) and of o200k (GPT-4o). */
#define PATTERN_LIST(X) X(gpt2) X(cl100k) X(o200k)

#define X(name) PATTERN_##name,
typedef enum Pattern { PATTERN_LIST(X) PATTERNS } Pattern;
#undef X

const char *pattern_name(Pattern p);
const char *pattern_text(Pattern p); /* as its authors write it, and as tokenizer.json has it */

/* The pattern of that name or text; false: none. */
bool pattern_of_name(const char *name, Pattern *p);
bool pattern_of_text(const char *text, Pattern *p);

typedef struct Pieces {
    const struct PatternCode *code;
    void *match;
    const unsigned char *text;
    int64_t size, at;      /* at: where the next piece begins */
    int64_t segment, last; /* UTF-8, or none of it, from segment to last */
    bool is_text;
} Pieces;

/* Borrows text. E_NOMEM. pieces_close() in any case. Threads may each have one. */
Status pieces_open(Pieces *p, Pattern pattern, const unsigned char *text, int64_t size);

/* Cuts another text with what is open. */
void pieces_restart(Pieces *p, const unsigned char *text, int64_t size);

/* The next piece, [*begin, *begin + *size); false behind the last. None is empty; together they are the
 * text. */
bool pieces_next(Pieces *p, const unsigned char **begin, int64_t *size);
void pieces_close(Pieces *p);

/* How many of these bytes are cut into the same pieces whatever follows them: 0 if that is not known of
 * any. */
Status pieces_settled(Pattern pattern, const unsigned char *text, int64_t size, int64_t *settled);

#endif

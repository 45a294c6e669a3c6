/* Added tokens: texts that are one token wherever they are, found before anything else is done to a
 * text. */
#ifndef DATA_TOKENIZERS_ADDED_TOKENS_H
#define DATA_TOKENIZERS_ADDED_TOKENS_H

#include "data/tokenizers/kind.h"

/* Which ones: those of the raw text, special ones only if `special`; or those of normalized text. */
typedef struct AddedFinder {
    const Tokenizer *t;
    bool special, normalized;
    bool begins[256]; /* first bytes */
} AddedFinder;

/* [begin, end) of a text, white space that a token takes with it included. */
typedef struct AddedMatch {
    const Special *token;
    int64_t begin, end;
} AddedMatch;

/* False: it has nothing to find. */
bool added_finder_open(AddedFinder *f, const Tokenizer *t, bool special, bool normalized);

/* The first one that begins at `from` or later, the longest of several at one place. */
bool added_find(const AddedFinder *f, const unsigned char *text, int64_t size, int64_t from,
                AddedMatch *m);

/* Whether a text that is cut at `cut` might be cut within one, or beside one. */
bool added_touches(const Tokenizer *t, const unsigned char *text, int64_t size, int64_t cut);

#endif

/* Learning merges: from words and how often each was seen, the pair of neighbours that is seen most becomes
 * a symbol of its own, again and again (Gage 1994; Sennrich et al. 2016, arXiv:1508.07909). Of pairs seen
 * equally often the smaller one goes first: by the number of its left symbol, then of its right one.
 *
 * What comes out is what counting everything anew after each merge would give, but only words that hold
 * the pair are looked at. */
#ifndef DATA_TOKENIZERS_LEARN_H
#define DATA_TOKENIZERS_LEARN_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "data/tokenizers/words.h"

enum { LEARN_WORD_MAX = 256 }; /* symbols; whoever has longer words cuts them */

typedef struct LearnWord {
    int64_t count;
    int64_t begin; /* of its symbols */
    int32_t length;
} LearnWord;

typedef struct Symbol {
    const unsigned char *text;
    int64_t size;
} Symbol;

typedef struct Pair {
    int32_t left, right;
} Pair;

typedef struct Learn {
    Arena *arena;
    int32_t *symbols; /* of all words; they are merged in place */
    LearnWord *words;
    int64_t word_count;

    /* The first symbols, at least room for most_tokens of them, and what may not come to be: texts of
     * special tokens. When two symbols join, the right one loses `prefix` bytes of its text ("##"). */
    Symbol *tokens;
    int64_t token_count, most_tokens;
    const Symbol *forbidden;
    int64_t forbidden_count;
    int64_t prefix;
    int64_t min_count; /* pairs that are seen less often are left alone; at least 1 */

    /* What is learned: tokens grow, and the merges in their order. A merge that makes the text of a symbol
     * that is there already makes that symbol. */
    Pair *merges;
    int64_t merge_count, merge_room;
} Learn;

/* E_NOMEM. */
Status learn_merges(Learn *l);

#endif

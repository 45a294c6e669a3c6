/* Learns the merges of BPE from word counts: the most frequent pair of neighbours becomes a
 * symbol, again and again (Gage 1994; Sennrich et al. 2016, arXiv:1508.07909). Of equally
 * frequent pairs the one with the smaller numbers comes first (left symbol, then right one).
 *
 * The result is the same as counting all pairs again after each merge, but only the words that
 * contain the pair are visited. */
#ifndef DATA_TOKENIZERS_LEARN_H
#define DATA_TOKENIZERS_LEARN_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "data/tokenizers/words.h"

enum { LEARN_WORD_MAX = 256 }; /* symbols; the caller cuts longer words */

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
    int32_t *symbols; /* of all words; merged in place */
    LearnWord *words;
    int64_t word_count;

    /* The first symbols, with room for most_tokens, and the texts that no merge may make
     * (special tokens). In a merge the right symbol loses the first `prefix` bytes of its text
     * ("##"). */
    Symbol *tokens;
    int64_t token_count, most_tokens;
    const Symbol *forbidden;
    int64_t forbidden_count;
    int64_t prefix;
    int64_t min_count; /* rarer pairs are not merged; at least 1 */

    /* The result: more tokens, and the merges in order. A merge whose text is already a symbol
     * makes that symbol. */
    Pair *merges;
    int64_t merge_count, merge_room;
} Learn;

/* E_NOMEM. */
Status learn_merges(Learn *l);

#endif

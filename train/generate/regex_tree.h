/* A regular expression, parsed: what regex.h builds an automaton from.
 *
 * Literals, `.` (any byte but newline), [a-z] and [^a-z], \d \w \s and \D \W \S, \n \t \r \f \v
 * \xHH, ( ), (?: ), |, * + ? {n} {n,} {n,m}. Characters beyond ASCII are their UTF-8 bytes, also in
 * a class. What follows the whole text alone may have, or needs more than a finite automaton, is
 * refused: ^ and $ inside, \b, lookaround, back-references. */
#ifndef TRAIN_GENERATE_REGEX_TREE_H
#define TRAIN_GENERATE_REGEX_TREE_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct ByteSet {
    uint64_t bits[4];
} ByteSet;

static inline void byte_set_add(ByteSet *s, int byte)
{
    s->bits[byte / 64] |= UINT64_C(1) << byte % 64;
}

static inline bool byte_set_has(const ByteSet *s, int byte)
{
    return s->bits[byte / 64] >> byte % 64 & 1;
}

typedef enum RegexKind { REGEX_SET, REGEX_SEQUENCE, REGEX_CHOICE, REGEX_REPEAT } RegexKind;

typedef struct RegexNode RegexNode;
struct RegexNode {
    RegexKind kind;
    ByteSet set;
    int64_t least, most; /* REPEAT; most -1: no limit */
    /* The parts: of a SEQUENCE, which may be empty, the last one first; of a REPEAT, one. */
    RegexNode *first;
    RegexNode *next; /* among the parts of the same node */
};

/* E_ARG: with the place of what is wrong in the pattern. Lives in a. */
Status regex_parse(const char *pattern, Arena *a, RegexNode **out);

#endif

/* A hash table of words: byte strings of any length, each with a number, such as a count or a
 * token.
 *
 * Open addressing; memory comes from the arena given at the start. Reading is thread-safe while
 * nothing is added. */
#ifndef DATA_TOKENIZERS_WORDS_H
#define DATA_TOKENIZERS_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/arena.h"

typedef struct Word {
    const unsigned char *bytes; /* NULL: a free slot */
    int64_t value;
    uint32_t size, hash;
} Word;

typedef struct WordTable {
    Arena *arena;
    Word *slots;
    int64_t room, used; /* slots: a power of two; words */
    unsigned char *pool;
    int64_t pool_left;
} WordTable;

/* Makes room for about `words` before the table must grow. False: out of memory. */
bool words_open(WordTable *t, Arena *a, int64_t words);

const Word *words_find(const WordTable *t, const unsigned char *bytes, int64_t size);

/* Finds a word, or adds it with value 0; valid until the next word is added. Its bytes are
 * copied if `copy`, otherwise borrowed. NULL: out of memory. */
Word *words_add(WordTable *t, const unsigned char *bytes, int64_t size, bool copy);

#endif

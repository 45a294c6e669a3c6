/* A table of words: byte strings that each have a number, a count of them or a token.
 *
 * Open addressing; memory comes from the arena that the table was made with. Words may be of any bytes
 * and any length; a table that is only read may be read by many threads. */
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

/* Room for about `words` before the table must grow. False: memory is out. */
bool words_open(WordTable *t, Arena *a, int64_t words);

const Word *words_find(const WordTable *t, const unsigned char *bytes, int64_t size);

/* The word, made with value 0 if there was none; good until the next one is made. Its bytes are copied if
 * `copy`, else borrowed. NULL: memory is out. */
Word *words_add(WordTable *t, const unsigned char *bytes, int64_t size, bool copy);

#endif

/* Counts the words of texts of any size, on all threads. The result does not depend on their
 * number. */
#ifndef DATA_TOKENIZERS_COUNT_H
#define DATA_TOKENIZERS_COUNT_H

#include "autograd/base/threads.h"
#include "data/documents.h"
#include "data/tokenizers/words.h"

/* Cuts a text into words and adds them to the table, whose values are counts. */
typedef Status (*CountWork)(const void *context, const unsigned char *text, int64_t size,
                            WordTable *words);

/* How many bytes of a text have words that do not depend on text that follows: see
 * tokenizer_settled(). */
typedef Status (*SettledWork)(const void *context, const unsigned char *text, int64_t size,
                              int64_t *settled);

typedef struct Count {
    CountWork count;
    SettledWork settled;
    const void *context;
    const Texts *texts;
    bool show_progress; /* on stderr */
    int64_t bytes, documents;
    BadRows bad;
} Count;

/* Counts all words of the inputs into words, which lives in a. Errors: those of
 * documents_next(), count and settled; E_NOMEM. */
Status count_words(Count *c, Arena *a, WordTable *words);

#endif

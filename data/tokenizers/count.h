/* Counting words: text of any size, on all threads; how many threads there are changes nothing. */
#ifndef DATA_TOKENIZERS_COUNT_H
#define DATA_TOKENIZERS_COUNT_H

#include "autograd/base/threads.h"
#include "data/documents.h"
#include "data/tokenizers/words.h"

/* Cuts a text into words and adds them: words->value is how often each was seen. */
typedef Status (*CountWork)(const void *context, const unsigned char *text, int64_t size,
                            WordTable *words);

/* How many bytes of a text may be cut from what follows: as tokenizer_settled(). */
typedef Status (*SettledWork)(const void *context, const unsigned char *text, int64_t size,
                              int64_t *settled);

typedef struct Count {
    CountWork count;
    SettledWork settled;
    const void *context;
    const char *const *inputs;
    int input_count;
    Format format;
    const char *split_on;
    bool show_progress; /* on stderr */
    int64_t bytes, documents;
} Count;

/* All words of the inputs, in words, which lives in a. Errors are those of documents_next(), E_NOMEM and
 * what count and settled give. */
Status count_words(Count *c, Arena *a, WordTable *words);

#endif

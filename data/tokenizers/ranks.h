/* tiktoken's rank files: a line a token, its bytes in base64, a blank, its number, which is its rank too. */
#ifndef DATA_TOKENIZERS_RANKS_H
#define DATA_TOKENIZERS_RANKS_H

#include <stdbool.h>

#include "autograd/base/error.h"
#include "data/tokenizers/words.h"

/* Whether a text begins as a rank file does. */
bool ranks_look_so(const char *text, int64_t size);

/* Fills words with the tokens, their value the rank. E_DATA names the line. */
Status ranks_read(WordTable *words, Arena *a, const char *text, int64_t size, const char *name,
                  int64_t *largest);

#endif

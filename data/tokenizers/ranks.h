/* tiktoken's rank files: a line per token with its bytes in base64, a blank, and its number,
 * also its rank. */
#ifndef DATA_TOKENIZERS_RANKS_H
#define DATA_TOKENIZERS_RANKS_H

#include <stdbool.h>

#include "autograd/base/error.h"
#include "data/tokenizers/words.h"

/* Whether a text begins like a rank file. */
bool ranks_look_so(const char *text, int64_t size);

/* Fills words with the tokens; their values are the ranks. E_DATA names the line. */
Status ranks_read(WordTable *words, Arena *a, const char *text, int64_t size, const char *name,
                  int64_t *largest);

#endif

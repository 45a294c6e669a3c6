/* A BPE tokenizer in memory, read from a tokenizer.json or a rank file. */
#ifndef DATA_TOKENIZERS_BPE_MODEL_H
#define DATA_TOKENIZERS_BPE_MODEL_H

#include "data/tokenizers/byte_letters.h"
#include "data/tokenizers/kind.h"
#include "data/tokenizers/merge.h"
#include "data/tokenizers/pretokenize.h"
#include "data/tokenizers/words.h"

typedef struct TokenBytes {
    const unsigned char *bytes; /* NULL: there is no such token */
    int64_t size;
} TokenBytes;

typedef struct BpeModel {
    Pattern pattern;
    Merges merges;
    WordTable words;    /* pre-tokens that are one token: a look-up instead of merging */
    int32_t byte[256];  /* the token of a byte; -1: none */
    TokenBytes *tokens; /* [vocab_size] */
    bool lacks_bytes;   /* some byte has no token */
    bool from_ranks;    /* a pre-token in the vocabulary is one token; a rank is its number */
} BpeModel;

/* Reads vocabulary, merges and pre-tokenizer from description, the object of a tokenizer.json. */
Status bpe_read_huggingface(Tokenizer *t, BpeModel *m, Arena *a, const json_t *description,
                            const char *name);

/* Reads {"pattern": "cl100k", "special": {TEXT: NUMBER, ...}, "ranks": the text of a rank file}. */
Status bpe_read_ranks(Tokenizer *t, BpeModel *m, Arena *a, const json_t *description,
                      const char *name);

#endif

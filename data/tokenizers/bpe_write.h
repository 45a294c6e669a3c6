/* Writes BPE as a tokenizer.json of Hugging Face. */
#ifndef DATA_TOKENIZERS_BPE_WRITE_H
#define DATA_TOKENIZERS_BPE_WRITE_H

#include "data/tokenizers/bpe_model.h"
#include "data/tokenizers/learn.h"

typedef struct BpeParts {
    Pattern pattern;
    const TokenBytes *tokens; /* [count]; no bytes: no such token, or a special one */
    int64_t count;
    const Special *specials;
    int64_t special_count;
    const Pair *merges;
    int64_t merge_count;
    bool ignore_merges; /* a pre-token that is in the vocabulary is one token */
} BpeParts;

/* NULL: out of memory. */
json_t *bpe_describe(const BpeParts *p, Arena *a);

/* The same for a tokenizer read from ranks; finds the merges that make each token. */
Status bpe_describe_ranks(const Tokenizer *t, Arena *a, json_t **description);

#endif

/* BPE as a tokenizer.json of Hugging Face, which others read. */
#ifndef DATA_TOKENIZERS_BPE_WRITE_H
#define DATA_TOKENIZERS_BPE_WRITE_H

#include "data/tokenizers/bpe_model.h"
#include "data/tokenizers/learn.h"

typedef struct BpeParts {
    Pattern pattern;
    const TokenBytes *tokens; /* [count]; no bytes: there is no such token, or it is special */
    int64_t count;
    const Special *specials;
    int64_t special_count;
    const Pair *merges;
    int64_t merge_count;
    bool ignore_merges; /* a piece that is a token is that token */
} BpeParts;

/* NULL: memory is out. */
json_t *bpe_describe(const BpeParts *p, Arena *a);

/* The same of a tokenizer that was read from ranks, with the merges that make each token. */
Status bpe_describe_ranks(const Tokenizer *t, Arena *a, json_t **description);

#endif

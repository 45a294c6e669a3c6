/* Training a tokenizer: byte-level BPE, or WordPiece as in BERT. */
#ifndef DATA_TOKENIZER_TRAIN_H
#define DATA_TOKENIZER_TRAIN_H

#include "data/documents.h"

typedef struct TokenizerTrain {
    Texts texts;
    const char *kind;            /* "bpe", "wordpiece" */
    int64_t vocab_size;          /* special tokens included */
    const char *pattern;         /* bpe: "gpt2", "cl100k", "o200k" */
    bool keep_case;              /* wordpiece: keep capitals and accents */
    const char *const *specials; /* texts of special tokens; one must be an end-of-text */
    int special_count;           /* 0: the default ones of the kind */
    int64_t min_count;           /* rarer pairs are not merged */
    bool show_progress;          /* on stderr */
} TokenizerTrain;

typedef struct TokenizerTrainSummary {
    int64_t bytes, documents, words; /* words: distinct ones */
    int64_t vocab_size, merges;      /* vocab_size is smaller than requested if no pair is left */
    BadRows bad;
    double count_seconds, merge_seconds;
} TokenizerTrainSummary;

/* *text: a tokenizer.json, for tokenizer_parse(), in a. The same for any number of threads: the
 * most frequent pair is merged first, of equals the one with the smaller numbers (left, then
 * right). Tokens 0 to 255 of BPE are the bytes; merges follow in their order, then special
 * tokens. Words of more than 256 symbols are cut. No merge makes the text of a special token.
 *
 * E_ARG: invalid options. E_DATA: an input is missing or malformed. */
Status tokenizer_train(const TokenizerTrain *p, Arena *a, char **text, int64_t *size,
                       TokenizerTrainSummary *summary);

#endif

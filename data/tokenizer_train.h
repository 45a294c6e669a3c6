/* Making a tokenizer of text: byte-level BPE, or WordPiece as BERT has it. */
#ifndef DATA_TOKENIZER_TRAIN_H
#define DATA_TOKENIZER_TRAIN_H

#include "data/documents.h"

typedef struct TokenizerTrain {
    const char *const *inputs;
    int input_count;
    Format format;
    const char *split_on;        /* as in prepare.h */
    const char *kind;            /* "bpe", "wordpiece" */
    int64_t vocab_size;          /* of all tokens, special ones included */
    const char *pattern;         /* bpe: "gpt2", "cl100k", "o200k" */
    bool keep_case;              /* wordpiece: neither lower case nor accents taken away */
    const char *const *specials; /* texts of special tokens; one must end a text */
    int special_count;           /* 0: those that are usual */
    int64_t min_count;           /* pairs that are seen less often are not joined */
    bool show_progress;          /* on stderr */
} TokenizerTrain;

typedef struct TokenizerTrainSummary {
    int64_t bytes, documents, words; /* read; different words among them */
    int64_t vocab_size,
        merges; /* vocab_size is smaller than asked for if nothing is left to join */
    double count_seconds, merge_seconds;
} TokenizerTrainSummary;

/* The text of a tokenizer.json, which tokenizer_parse() takes, in a. The same for any number of threads: a
 * pair that is seen more often goes first, of equals that with the smaller numbers (left, then right);
 * tokens 0 to 255 of BPE are the bytes, then come merges in their order, special tokens last. Words of more
 * than 256 symbols are cut. No special token is ever made of text.
 *
 * E_ARG: what p says cannot be. E_DATA: an input is missing or malformed. */
Status tokenizer_train(const TokenizerTrain *p, Arena *a, char **text, int64_t *size,
                       TokenizerTrainSummary *summary);

#endif

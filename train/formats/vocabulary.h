/* A tokenizer as other programs write it: texts of tokens, their types, merges. */
#ifndef TRAIN_FORMATS_VOCABULARY_H
#define TRAIN_FORMATS_VOCABULARY_H

#include <jansson.h>
#include <stdbool.h>

#include "data/tokenizer.h"

/* As GGUF numbers them. */
typedef enum TokenType {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_USER = 4,
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6
} TokenType;

typedef struct Vocabulary {
    int64_t count;
    const char **texts; /* [count]: bytes as ByteLevel letters, or blanks as U+2581; unique */
    int32_t *types;     /* [count] of TokenType */
    const char **merges;
    int64_t merge_count;
    const char *regex;      /* how text is cut into words; NULL: as GPT-2 */
    bool digits;            /* each digit by itself, then as GPT-2 */
    const char *normalizer; /* its type; NULL: none. Of a Sequence, the first that is not NFC */
    bool strips;            /* an added token takes white space with it, or is only a whole word */
    bool ignore_merges;
    float *scores;   /* [count]: SentencePiece-like, without merges; NULL: byte-level */
    bool adds_blank; /* SentencePiece-like: one before each text */
} Vocabulary;

/* Tokenizers of kind byte, char, bpe (byte-level) and sentencepiece. Tokens up to vocab_size that the tokenizer lacks become
 * [PAD_i]. Lives in a. E_ARG: another kind. */
Status vocabulary_open(Vocabulary *v, Arena *a, const Tokenizer *t, int64_t vocab_size);

/* llama.cpp's name for how text is cut into words: *name, borrowed. E_ARG: it has none. */
Status vocabulary_pattern_name(const Vocabulary *v, const char **name);

/* The other way round: fills regex, digits and ignore_merges. False: unknown. */
bool vocabulary_pattern(Vocabulary *v, const char *name);

/* A post-processor that puts a token before each text. */
json_t *vocabulary_template(const char *begin, int64_t token);

/* The object of a tokenizer.json, a byte-level BPE. NULL: out of memory, or a text is not UTF-8. */
json_t *vocabulary_json(const Vocabulary *v);

/* Whether the tokenizer's own text is no tokenizer.json: byte, char, and pieces with scores. */
bool vocabulary_is_own(const Tokenizer *t);

/* A tokenizer.json for any kind, in a. E_ARG: a kind that has none. */
Status vocabulary_huggingface(const Tokenizer *t, Arena *a, const char **text, int64_t *size);

/* The texts of begin-of-text and end-of-text. */
const char *vocabulary_begin(const Tokenizer *t);
const char *vocabulary_end(const Tokenizer *t);

#endif

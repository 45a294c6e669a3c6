/* What a kind of tokenizer is: one file in data/tokenizers/ and one row of TOKENIZER_LIST. Only
 * tokenizer.c and those files include this. */
#ifndef DATA_TOKENIZERS_KIND_H
#define DATA_TOKENIZERS_KIND_H

#include <jansson.h>

#include "data/tokenizer.h"

#define TOKENIZER_LIST(X) X(byte) X(char) X(bpe) X(wordpiece)

typedef struct TokenizerKind {
    const char *name;  /* the description's "type" */
    const char *model; /* of a tokenizer.json, its model's "type"; NULL: it is not written so */

    /* Fills vocab_size, end_of_text, state and, if there are any, specials of t from the description, a
     * JSON object written by strangers; name: the file, for messages. */
    Status (*read)(Tokenizer *t, Arena *a, const json_t *description, const char *name);

    /* As tokenizer_encode_at(); there is room. */
    Status (*encode)(const Tokenizer *t, const TextPlace *place, const unsigned char *text,
                     int64_t size, int32_t *out, int64_t *count);

    /* As tokenizer_bytes(), of a token in [0, vocab_size) that is not end-of-text. */
    const char *(*bytes)(const Tokenizer *t, int32_t token, int64_t *size);

    /* As tokenizer_settled(); NULL: all that is whole characters is. */
    Status (*settled)(const Tokenizer *t, const unsigned char *text, int64_t size,
                      int64_t *settled);

    /* The object of a tokenizer.json; NULL, or gives NULL: the tokenizer's text is one. */
    Status (*describe)(const Tokenizer *t, Arena *a, json_t **description);
} TokenizerKind;

/* A token that no text makes. */
typedef struct Special {
    const char *text;
    int64_t size; /* of text */
    int32_t token;
} Special;

struct Tokenizer {
    const TokenizerKind *kind;
    const char *text;
    int64_t text_size;
    int64_t vocab_size;
    int32_t end_of_text;
    const Special *specials; /* end-of-text among them, if it has a text */
    int64_t special_count;
    const unsigned char *marks; /* [vocab_size]: whether a token is one of them; NULL: none is */
    const void *state;          /* the kind's own */
};

#define X(name) extern const TokenizerKind tokenizer_kind_##name;
TOKENIZER_LIST(X)
#undef X

#endif

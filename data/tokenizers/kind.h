/* A kind of tokenizer: one file in data/tokenizers/ and one row of TOKENIZER_LIST. Only
 * data/tokenizer.c and the files here include this. */
#ifndef DATA_TOKENIZERS_KIND_H
#define DATA_TOKENIZERS_KIND_H

#include <jansson.h>

#include "data/tokenizer.h"
#include "data/tokenizers/normalizer.h"

#define TOKENIZER_LIST(X) X(byte) X(char) X(bpe) X(sentencepiece) X(wordpiece)

typedef struct TokenizerKind {
    const char *name;  /* "type" of the description */
    const char *model; /* "type" of the model in a tokenizer.json; NULL: has no tokenizer.json */

    /* Whether it is the one for a tokenizer.json with that model, rather than a kind before it in
     * the list; NULL: yes. */
    bool (*takes)(const json_t *description);

    /* Fills vocab_size, end_of_text, state and, if there are any, specials of t from the
     * description, a untrusted JSON object; name: the file, for messages. */
    Status (*read)(Tokenizer *t, Arena *a, const json_t *description, const char *name);

    /* As tokenizer_room(); NULL: size. */
    int64_t (*room)(const Tokenizer *t, int64_t size);

    /* As tokenizer_encode_at(); out has that room. */
    Status (*encode)(const Tokenizer *t, const TextPlace *place, const unsigned char *text,
                     int64_t size, int32_t *out, int64_t *count);

    /* As tokenizer_bytes(), of a token in [0, vocab_size) that is not end-of-text. */
    const char *(*bytes)(const Tokenizer *t, int32_t token, int64_t *size);

    /* As tokenizer_settled(); NULL: all whole characters are settled. */
    Status (*settled)(const Tokenizer *t, const unsigned char *text, int64_t size,
                      int64_t *settled);

    /* The object of a tokenizer.json; NULL, or a result of NULL: the description is one already. */
    Status (*describe)(const Tokenizer *t, Arena *a, json_t **description);
} TokenizerKind;

/* A special token: ordinary text never becomes one; or an added one that is not special: it does
 * wherever its text is. */
typedef struct Special {
    const char *text;
    int64_t size; /* of text */
    int32_t token;
    bool normalized;     /* sought in normalized text */
    bool single_word;    /* only if no letter or digit is beside it */
    bool lstrip, rstrip; /* takes the white space before and after it with it */
} Special;

struct Tokenizer {
    const TokenizerKind *kind;
    const char *text;
    int64_t text_size;
    int64_t vocab_size;
    int32_t end_of_text, begin_of_text; /* begin_of_text is -1 before read: end_of_text */
    bool begins;                        /* begin_of_text was set by read */
    bool leading_blank;       /* the tokens of a text begin with a blank that is not part of it */
    bool blank_after_special; /* so do those of a text after a special token */
    const Special *specials;  /* end-of-text among them, if it has a text */
    int64_t special_count;
    const Special *added; /* not special */
    int64_t added_count;
    Normalizer normalizer;
    const unsigned char *marks; /* [vocab_size]: 1 for special and added tokens; NULL: none */
    const void *state;          /* private to the kind */
};

#define X(name) extern const TokenizerKind tokenizer_kind_##name;
TOKENIZER_LIST(X)
#undef X

#endif

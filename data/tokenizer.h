/* Tokenizers: bytes of text to token numbers and back.
 *
 * A tokenizer has a description (JSON), which each dataset and each checkpoint contains;
 * tokenizer_parse() reads it. Byte-level tokenizers (byte, bpe) keep invalid UTF-8 as it is. */
#ifndef DATA_TOKENIZER_H
#define DATA_TOKENIZER_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Tokenizer Tokenizer;

enum { TOKENIZER_TEXT_MAX = 64 << 20 }; /* bytes; the largest in use have 35 MB */

Status tokenizer_byte(Arena *a, Tokenizer **out);

/* code_points: ascending, no surrogates, at most 0x10FFFF. */
Status tokenizer_char(Arena *a, const uint32_t *code_points, int64_t count, Tokenizer **out);

/* text [size]: from tokenizer_text(), or a tokenizer.json of Hugging Face (BPE as in GPT-2 or as in
 * SentencePiece, WordPiece as in BERT), or a rank file of tiktoken, recognised by its number of
 * ranks, or a tokenizer file of llama2.c. name:
 * the file, for messages. E_DATA names the part that is not supported. Lives in a. */
Status tokenizer_parse(Arena *a, const char *text, int64_t size, const char *name, Tokenizer **out);

/* The same, but end-of-text is the special token with the text `end` of a tokenizer.json; NULL: as
 * tokenizer_parse() finds it. E_ARG: another kind of file. */
Status tokenizer_parse_with_end(Arena *a, const char *text, int64_t size, const char *name,
                                const char *end, Tokenizer **out);

/* Any rank file. pattern: how text is cut into words, "gpt2", "cl100k" or "o200k" (E_ARG:
 * another); NULL: recognised by the number of ranks. For unknown files end-of-text is the token
 * after the last rank. */
Status tokenizer_ranks(Arena *a, const char *text, int64_t size, const char *name,
                       const char *pattern, Tokenizer **out);
const char *tokenizer_text(const Tokenizer *t, int64_t *size);

/* A tokenizer.json of Hugging Face, null-terminated, in a. BPE and WordPiece only: E_ARG. A
 * tokenizer that was read from one gives the same text. */
Status tokenizer_huggingface(const Tokenizer *t, Arena *a, const char **text, int64_t *size);

const char *
tokenizer_kind(const Tokenizer *t); /* "byte", "char", "bpe", "sentencepiece", "wordpiece" */
int64_t tokenizer_vocab_size(const Tokenizer *t);
int32_t tokenizer_end_of_text(const Tokenizer *t);

/* The token before the first one of a document and of a prompt: end-of-text, unless the tokenizer
 * names another one for it (<s> of Llama 2). Datasets do not contain it. */
int32_t tokenizer_begin_of_text(const Tokenizer *t);

/* Where in a file a text begins, for messages. {0}: unknown; messages then count from the text's
 * start. */
typedef struct TextPlace {
    const char *name;
    int64_t byte, line, column; /* each from 0; columns are characters */
    bool continues;             /* other text of the same document is before it */
} TextPlace;

/* Whether the tokenizer's file says that a text begins with begin-of-text. */
bool tokenizer_begins(const Tokenizer *t);

/* Moves p past `size` bytes of text. A byte that is not UTF-8 counts as a column. */
void text_place_advance(TextPlace *p, const char *text, int64_t size);

/* The set of characters in a text, for a char tokenizer. */
typedef struct CharSet {
    uint64_t bits[0x110000 / 64];
} CharSet;

/* Adds the characters of `size` bytes at text. E_DATA, with its place, for a byte that is not
 * UTF-8. */
Status char_set_add(CharSet *s, const TextPlace *place, const char *text, int64_t size);
Status char_set_tokenizer(const CharSet *s, Arena *a, Tokenizer **out);

/* As many tokens as `size` bytes of text can become at most, in any of the functions below. */
int64_t tokenizer_room(const Tokenizer *t, int64_t size);

/* Encodes `size` bytes into *count tokens at out [room], see tokenizer_room(). E_DATA names the
 * first character that the tokenizer lacks, with line, column and byte. Text never becomes
 * end-of-text. */
Status tokenizer_encode(const Tokenizer *t, const char *text, int64_t size, int32_t *out,
                        int64_t room, int64_t *count);
Status tokenizer_encode_at(const Tokenizer *t, const TextPlace *place, const char *text,
                           int64_t size, int32_t *out, int64_t room, int64_t *count);

/* The same, but the text of a special token becomes that token. */
Status tokenizer_encode_marked(const Tokenizer *t, const TextPlace *place, const char *text,
                               int64_t size, int32_t *out, int64_t room, int64_t *count);

/* The number of bytes whose tokens do not depend on text that follows: where a text that is read
 * in chunks can be cut. 0: not known without more bytes. */
Status tokenizer_settled(const Tokenizer *t, const char *text, int64_t size, int64_t *settled);

/* Special tokens, which only tokenizer_encode_marked() makes: the text of the i-th. */
int64_t tokenizer_special_count(const Tokenizer *t);
const char *tokenizer_special(const Tokenizer *t, int64_t i, int32_t *token);

/* Whether the tokens of a text begin with a blank that is not part of it. */
bool tokenizer_leading_blank(const Tokenizer *t);

/* The bytes of a token (borrowed, *size of them); none for end-of-text and for numbers that are
 * no token. */
const char *tokenizer_bytes(const Tokenizer *t, int32_t token, int64_t *size);

#endif

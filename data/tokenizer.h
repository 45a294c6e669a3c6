/* Tokenizers: bytes of text to token numbers and back.
 *
 * A tokenizer is described by a text of its own (JSON), which stands in the dataset and in each
 * checkpoint; tokenizer_parse() makes it whole again. Invalid UTF-8 is never lost: byte keeps the bytes. */
#ifndef DATA_TOKENIZER_H
#define DATA_TOKENIZER_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Tokenizer Tokenizer;

enum { TOKENIZER_TEXT_MAX = 64 << 20 }; /* bytes: the largest that are used have 35 MB */

Status tokenizer_byte(Arena *a, Tokenizer **out);

/* code_points rise; none is a surrogate or above 0x10FFFF. */
Status tokenizer_char(Arena *a, const uint32_t *code_points, int64_t count, Tokenizer **out);

/* text: what tokenizer_text() gave, `size` bytes, or what a tokenizer.json of Hugging Face holds (BPE as
 * GPT-2's, WordPiece as BERT's), or a rank file of tiktoken that is known by its count of ranks; name: the
 * file, for messages. E_DATA if it is not one that is known: it says which part is not. Lives in a. */
Status tokenizer_parse(Arena *a, const char *text, int64_t size, const char *name, Tokenizer **out);

/* Any rank file; pattern: "gpt2", "cl100k" or "o200k", how text is cut into words (E_ARG: any other);
 * NULL: known by its count. What ends a text is the token behind the last rank, <|endoftext|>, unless it
 * is known. */
Status tokenizer_ranks(Arena *a, const char *text, int64_t size, const char *name,
                       const char *pattern, Tokenizer **out);
const char *tokenizer_text(const Tokenizer *t, int64_t *size);

/* As a tokenizer.json of Hugging Face, ended by a zero byte, in a: BPE and WordPiece; E_ARG of others. What
 * came from one is given back as it was. */
Status tokenizer_huggingface(const Tokenizer *t, Arena *a, const char **text, int64_t *size);

const char *tokenizer_kind(const Tokenizer *t); /* "byte", "char", "bpe", "wordpiece" */
int64_t tokenizer_vocab_size(const Tokenizer *t);
int32_t tokenizer_end_of_text(const Tokenizer *t);

/* Where in a file a piece of text begins, for messages. {0}: name and place are not known, and what is
 * told is the place in the piece. */
typedef struct TextPlace {
    const char *name;
    int64_t byte, line, column; /* each from 0; columns are characters */
} TextPlace;

/* Moves p past `size` bytes of text. Bytes that are not UTF-8 are a column each. */
void text_place_advance(TextPlace *p, const char *text, int64_t size);

/* Which characters there are in some text: what a char tokenizer is made of. */
typedef struct CharSet {
    uint64_t bits[0x110000 / 64];
} CharSet;

/* Adds the characters of `size` bytes at text. E_DATA, with its place, for a byte that is not UTF-8. */
Status char_set_add(CharSet *s, const TextPlace *place, const char *text, int64_t size);
Status char_set_tokenizer(const CharSet *s, Arena *a, Tokenizer **out);

/* Tokens of `size` bytes at text to out, which has room for `room` (never more than size are needed);
 * *count of them. E_DATA names the first character that the tokenizer lacks, and its place (byte, line,
 * column). End-of-text is never made from text. */
Status tokenizer_encode(const Tokenizer *t, const char *text, int64_t size, int32_t *out,
                        int64_t room, int64_t *count);
Status tokenizer_encode_at(const Tokenizer *t, const TextPlace *place, const char *text,
                           int64_t size, int32_t *out, int64_t room, int64_t *count);

/* The same, but the text of a special token is that token. */
Status tokenizer_encode_marked(const Tokenizer *t, const TextPlace *place, const char *text,
                               int64_t size, int32_t *out, int64_t room, int64_t *count);

/* How many of these bytes have the same tokens whatever follows them: a text that is encoded piece by
 * piece is cut there. 0: it takes more bytes to know. */
Status tokenizer_settled(const Tokenizer *t, const char *text, int64_t size, int64_t *settled);

/* Special tokens, which no text makes unless it is asked for: the text that is written for the i-th. */
int64_t tokenizer_special_count(const Tokenizer *t);
const char *tokenizer_special(const Tokenizer *t, int64_t i, int32_t *token);

/* The bytes that a token stands for (borrowed, *size of them; none for end-of-text and for a number that
 * is no token). */
const char *tokenizer_bytes(const Tokenizer *t, int32_t token, int64_t *size);

#endif

/* A SentencePiece-like BPE in memory (Kudo & Richardson 2018, arXiv:1808.06226): Llama 2, Mistral,
 * TinyLlama, llama2.c. Tokens are made of characters; a character that is no token becomes tokens of
 * its bytes. Texts of tokens have blanks where files have U+2581. */
#ifndef DATA_TOKENIZERS_SENTENCEPIECE_H
#define DATA_TOKENIZERS_SENTENCEPIECE_H

#include "data/tokenizers/kind.h"
#include "data/tokenizers/merge.h"
#include "data/tokenizers/words.h"

/* Where a text gets a blank that is not in it. */
typedef enum BlankRule {
    BLANK_never,
    BLANK_always,      /* at its start */
    BLANK_unless_there /* at its start, if it does not begin with one */
} BlankRule;

typedef struct Piece {
    const unsigned char *bytes; /* NULL: there is no such token */
    int64_t size;
} Piece;

typedef struct SentencePiece {
    Piece *pieces;     /* [vocab_size] */
    WordTable texts;   /* tokens that text can become, by their bytes */
    int32_t byte[256]; /* the token of a byte; -1: none */
    int32_t unknown;   /* -1: none */
    bool fuses_unknown;
    Merges merges;
    BlankRule blank;
    bool has_scores; /* merges come from scores */
    bool escapes;    /* U+2581 in a text is a blank */
    bool splits;     /* each blank begins a word; merges stay inside words */
    bool is_local;   /* no token has a blank after another character: a blank can begin a word */
} SentencePiece;

/* Gives token i its bytes (borrowed). is_text: text can become it. E_NOMEM. */
Status sentencepiece_add(SentencePiece *m, int32_t i, const char *bytes, int64_t size,
                         bool is_text);

/* The byte that the text <0xNN> names; -1: another text. */
int sentencepiece_byte(const char *text);

/* Once all pieces are there. */
void sentencepiece_finish(SentencePiece *m, int64_t vocab_size);

/* In a, with blanks for U+2581. NULL: out of memory. */
char *sentencepiece_unescape(Arena *a, const char *text, int64_t *size);

/* Reads a tokenizer.json. */
Status sentencepiece_read_huggingface(Tokenizer *t, SentencePiece *m, Arena *a,
                                      const json_t *description, const char *name);

/* Whether a tokenizer.json with a model of type BPE describes one. */
bool sentencepiece_looks_so(const json_t *description);

/* Reads {"type": "sentencepiece", "pieces": [[TEXT, SCORE, TYPE], ...], "end_of_text": NUMBER,
 * "begin": NUMBER, "add_prefix": BOOL, "escape": BOOL}; types are those of GGUF (TokenType). */
Status sentencepiece_read_scores(Tokenizer *t, SentencePiece *m, Arena *a,
                                 const json_t *description, const char *name);

#endif

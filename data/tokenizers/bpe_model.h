/* What a BPE tokenizer is once it is read, from tokenizer.json or from ranks. */
#ifndef DATA_TOKENIZERS_BPE_MODEL_H
#define DATA_TOKENIZERS_BPE_MODEL_H

#include "data/tokenizers/kind.h"
#include "data/tokenizers/merge.h"
#include "data/tokenizers/pretokenize.h"
#include "data/tokenizers/words.h"

typedef struct TokenBytes {
    const unsigned char *bytes; /* NULL: there is no such token */
    int64_t size;
} TokenBytes;

typedef struct BpeModel {
    Pattern pattern;
    Merges merges;
    WordTable words;    /* pieces that are one token, known without merging */
    int32_t byte[256];  /* the token of a byte; -1: there is none */
    TokenBytes *tokens; /* [vocab_size] */
    bool lacks_bytes;   /* some byte has no token */
    bool from_ranks;    /* a piece that is a token is that token; ranks are the tokens' numbers */
} BpeModel;

/* From description, the object of a tokenizer.json: vocab, merges and pre-tokeniser. */
Status bpe_read_huggingface(Tokenizer *t, BpeModel *m, Arena *a, const json_t *description,
                            const char *name);

/* From {"pattern": "cl100k", "special": {TEXT: NUMBER, ...}, "ranks": what a rank file holds}. */
Status bpe_read_ranks(Tokenizer *t, BpeModel *m, Arena *a, const json_t *description,
                      const char *name);

/* The letters that stand for the 256 bytes in tokenizer.json, as GPT-2 has it (Radford et al. 2019): those
 * that can be seen for themselves, the others for U+0100 and on. */
int byte_letter(unsigned char byte, char out[3]); /* UTF-8, ended; its length, 1 or 2 */

/* The bytes that letters stand for, at most strlen(letters) of them; -1: a letter stands for none. */
int64_t letters_bytes(const char *letters, unsigned char *out);

#endif

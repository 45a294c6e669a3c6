/* Datasets: tokens, cut into documents, mapped into memory (CONTRACT 6).
 *
 * Opens the dataset.h5 that `prepare` made, and as they are the token files of nanoGPT (uint16, no
 * header: one endless document, vocabulary from the largest token) and llm.c (256 int32 header, magic
 * 20240520). Writes dataset.h5, streaming: memory does not grow with the text. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

/* One half of a dataset. Lives until dataset_close(). */
typedef struct Split {
    const char *name;   /* "train", "val" */
    const void *tokens; /* uint16_t or uint32_t [count], mapped */
    int token_size;     /* 2 or 4 bytes */
    int64_t count;
    int64_t documents;        /* how many; offsets[documents] == count */
    const uint64_t *offsets;  /* [documents + 1] */
    const uint32_t *prefixes; /* [documents]: tokens of the prompt part, 0: none */
} Split;

typedef struct Dataset {
    Arena arena;
    char *path;
    Split train, val;
    int64_t vocab_size;
    char digest[33];       /* hexadecimal XXH3-128 of train's, then val's tokens as stored */
    const char *tokenizer; /* its text, tokenizer_size bytes; NULL for raw token files */
    int64_t tokenizer_size;
    void *mapping; /* of the whole file, and what else dataset_close() must give back */
    int64_t mapped;
    struct DatasetState *state;
} Dataset;

/* E_DATA: missing, damaged (by the digest of its user block, its structure, offsets), or holding a token
 * that is not below vocab_size. d is to be closed either way. */
Status dataset_open(Dataset *d, const char *path);
void dataset_close(Dataset *d);

static inline int32_t split_token(const Split *s, int64_t i)
{
    return s->token_size == 2 ? ((const uint16_t *)s->tokens)[i]
                              : (int32_t)((const uint32_t *)s->tokens)[i];
}

/* Tokens [begin, end) of a split are read now and compared with their chunk digests at first touch:
 * E_DATA if they are damaged or if one is not below vocab_size. Threads may call it at once. */
Status dataset_touch(const Dataset *d, const Split *s, int64_t begin, int64_t end);

/* Writes a dataset: documents in any order, each to one of the two halves. Nothing is at path before
 * dataset_writer_finish() is OK; whatever happens, dataset_writer_close() leaves nothing behind. */
typedef struct DatasetWriter DatasetWriter;

Status dataset_writer_open(DatasetWriter **w, const char *path, int64_t vocab_size);
/* tokens: the document with its end-of-text, prefix of them its prompt part. May be called many times
 * for one document: `more` says that its rest follows. */
Status dataset_writer_add(DatasetWriter *w, bool to_val, const int32_t *tokens, int64_t count,
                          int64_t prefix, bool more);
Status dataset_writer_finish(DatasetWriter *w, const char *tokenizer, int64_t tokenizer_size);
void dataset_writer_close(DatasetWriter *w);

#endif

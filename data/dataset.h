/* Datasets: tokens, cut into documents, mapped into memory (CONTRACT 6).
 *
 * Opens the dataset.h5 that `prepare` made, and as they are the token files of nanoGPT (.bin: uint16, no
 * header) and llm.c (.bin: 256 int32 header, magic 20240520): one endless document, vocabulary from the
 * largest token, no tokenizer; "train" in the name replaced by "val" is the other half, if there is such
 * a file. Writes dataset.h5, streaming: memory does not grow with the text.
 *
 * dataset.h5 is HDF5 behind a user block of 4096 bytes (data/block.h). The digest there covers all but
 * the tokens and is checked at open; /train/chunks and /val/chunks (uint64) are the XXH3-64 of each MiB
 * of tokens, checked at first touch. So every flipped bit is found before it is used, without reading
 * 10 GB first. Arrays begin at multiples of 4096 bytes of the file. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "data/block.h"

extern const BlockKind dataset_kind; /* of dataset.h5 */

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
    const char *format;    /* "capstan"; "nanoGPT", "llm.c": a token file */
    const char *tokenizer; /* its text, tokenizer_size bytes; NULL for raw token files */
    int64_t tokenizer_size;
    struct DatasetState *state; /* what dataset_close() must give back */
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

/* The document that token i is in, 0 <= i < count. */
static inline int64_t split_document(const Split *s, int64_t i)
{
    int64_t low = 0, high = s->documents - 1; /* the first one that ends behind i */
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if ((int64_t)s->offsets[middle + 1] > i)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Tokens [begin, end) of a split are read now and compared with their chunk digests at first touch:
 * E_DATA if they are damaged or if one is not below vocab_size. Threads may call it at once. */
Status dataset_touch(const Dataset *d, const Split *s, int64_t begin, int64_t end);

/* Writes a dataset: documents in any order, each to one of the two halves. Nothing is at path before
 * dataset_writer_finish() is OK; whatever happens, dataset_writer_close() leaves nothing behind. */
typedef struct DatasetWriter DatasetWriter;

/* E_IO for whatever the disk refuses, E_NOMEM. *w is NULL or to be closed. */
Status dataset_writer_open(DatasetWriter **w, const char *path, int64_t vocab_size);
/* tokens: the document with its end-of-text, prefix of them its prompt part. May be called many times
 * for one document: `more` says that its rest follows, into the same half; prefixes add up. E_ARG: no
 * token at all, one that is not below vocab_size, or a prefix of more than `count` tokens. */
Status dataset_writer_add(DatasetWriter *w, bool to_val, const int32_t *tokens, int64_t count,
                          int64_t prefix, bool more);
/* Puts the file at path; once. */
Status dataset_writer_finish(DatasetWriter *w, const char *tokenizer, int64_t tokenizer_size);
void dataset_writer_close(DatasetWriter *w);

#endif

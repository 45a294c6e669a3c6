/* Datasets: documents of tokens, in a training and a validation split, mapped into memory.
 *
 * Opens the dataset.h5 that `prepare` makes, and the token files of nanoGPT (.bin: no header) and
 * llm.c (.bin: a header of 256 int32, magic 20240520 of uint16 or 20240801 of uint32 tokens), one
 * or several. All files of a split are one document; the vocabulary follows from the largest
 * token; there is no tokenizer; the validation split is the files with "val" instead of "train" in
 * their names, if there are any. data/README.md says which files belong together and how uint32
 * is distinguished. Writes dataset.h5 as a stream: memory does not grow with the text.
 *
 * /begin_of_text (uint32 [1]) is there only if it is not end-of-text.
 *
 * dataset.h5 is HDF5 behind a user block of 4096 bytes (data/block.h). The digest there covers
 * everything but the tokens and is checked at open; /train/chunks and /val/chunks (uint64) are
 * the XXH3-64 of each MiB of tokens, checked at first use. So damage is found before it is used,
 * without reading 10 GB at the start. Arrays begin at multiples of 4096 bytes in the file. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "data/block.h"

extern const BlockKind dataset_kind; /* of dataset.h5 */

/* A token file among several: tokens [begin, end of the next) of the split. */
typedef struct Shard {
    int64_t begin;
    const void *tokens;
} Shard;

/* The training or the validation split. Lives until dataset_close(). */
typedef struct Split {
    const char *name;    /* "train", "val" */
    const void *tokens;  /* uint16_t or uint32_t [count], mapped; of several files: the first's */
    const Shard *shards; /* [shard_count], ascending */
    int shard_count;     /* 0: all tokens are at `tokens` */
    int token_size;      /* 2 or 4 bytes */
    int64_t count;
    int64_t documents;        /* offsets[documents] == count */
    const uint64_t *offsets;  /* [documents + 1] */
    const uint32_t *prefixes; /* [documents]: tokens of the prompt, 0: no prompt */
} Split;

typedef struct Dataset {
    Arena arena;
    char *path;
    Split train, val;
    int64_t vocab_size;
    int32_t begin_of_text; /* what a document's first token is predicted from; -1: end-of-text */
    char digest[33];       /* hexadecimal XXH3-128 of train's, then val's tokens as stored */
    const char *format;    /* "capstan"; "nanoGPT", "llm.c": a token file */
    const char *tokenizer; /* its description, tokenizer_size bytes; NULL for token files */
    int64_t tokenizer_size;
    struct DatasetState *state; /* private */
} Dataset;

/* E_DATA: missing, or damaged (digest, structure, offsets, a token not below vocab_size). Close
 * d whatever this returns. */
Status dataset_open(Dataset *d, const char *path);
void dataset_close(Dataset *d);

static inline int32_t split_token(const Split *s, int64_t i)
{
    const void *tokens = s->tokens;
    for (int k = s->shard_count - 1; k >= 0; k--)
        if (i >= s->shards[k].begin) {
            tokens = s->shards[k].tokens;
            i -= s->shards[k].begin;
            break;
        }
    return s->token_size == 2 ? ((const uint16_t *)tokens)[i]
                              : (int32_t)((const uint32_t *)tokens)[i];
}

/* The document of token i, 0 <= i < count. */
static inline int64_t split_document(const Split *s, int64_t i)
{
    int64_t low = 0, high = s->documents - 1; /* the first document that ends after i */
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if ((int64_t)s->offsets[middle + 1] > i)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Call before using the tokens [begin, end) of a split: the first time it checks their chunk
 * digests and that they are below vocab_size. E_DATA. Thread-safe. */
Status dataset_touch(const Dataset *d, const Split *s, int64_t begin, int64_t end);

/* Writes a dataset: documents in any order, each to one split. The file appears at path once
 * dataset_writer_finish() succeeds; otherwise dataset_writer_close() removes all traces. */
typedef struct DatasetWriter DatasetWriter;

/* E_IO, E_NOMEM. Close *w unless it is NULL. */
Status dataset_writer_open(DatasetWriter **w, const char *path, int64_t vocab_size);
/* Adds a document with its end-of-text; its first `prefix` tokens are the prompt. A long
 * document may take several calls: with `more` its rest follows, into the same split, and
 * prefixes add up. E_ARG: a document without tokens, a token not below vocab_size, or a prefix
 * of more than `count` tokens. */
Status dataset_writer_add(DatasetWriter *w, bool to_val, const int32_t *tokens, int64_t count,
                          int64_t prefix, bool more);
/* See Dataset.begin_of_text; -1 unless it is called. */
void dataset_writer_begin_of_text(DatasetWriter *w, int32_t token);
/* Puts the file at path; once. */
Status dataset_writer_finish(DatasetWriter *w, const char *tokenizer, int64_t tokenizer_size);
void dataset_writer_close(DatasetWriter *w);

#endif

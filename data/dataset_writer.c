#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_internal.h"
#include "data/files.h"

enum { LIST_BUFFER = 1 << 16, SMALL_TOKENS = 65536, ARRAYS = 9, PART = 4096 };

/* A split that is being written: each list is spooled to the disk until all lengths are known. */
typedef struct Half {
    Spool tokens, documents, prefixes, chunks;
    Digest digest;
    int64_t count, document_count;
    int64_t begun, prefix; /* tokens and prompt tokens so far of the document that is being added */
} Half;

struct DatasetWriter {
    Arena arena;
    char *path;
    int64_t vocab_size;
    int32_t begin_of_text;
    int token_size;
    bool mid_document, mid_to_val;
    Half train, val;
};

static Status half_open(Half *h, DatasetWriter *w)
{
    const uint64_t first = 0;
    TRY(digest_open(&h->digest));
    TRY(spool_open(&h->tokens, &w->arena, w->path, CHUNK_SIZE));
    TRY(spool_open(&h->documents, &w->arena, w->path, LIST_BUFFER));
    TRY(spool_open(&h->prefixes, &w->arena, w->path, LIST_BUFFER));
    TRY(spool_open(&h->chunks, &w->arena, w->path, LIST_BUFFER));
    return spool_add(&h->documents, &first, sizeof first);
}

static Status begin(DatasetWriter **out, const char *path, int64_t vocab_size)
{
    char folder[PATH_MAX];
    *out = NULL;
    if (vocab_size < 1 || vocab_size > INT32_MAX)
        return FAIL(E_ARG, "a vocabulary of %lld tokens", (long long)vocab_size);
    DatasetWriter *w = calloc(1, sizeof *w);
    if (!w) return FAIL(E_NOMEM, "%zu bytes", sizeof *w);
    for (Half *h = &w->train;; h = &w->val) {
        h->tokens.fd = h->documents.fd = h->prefixes.fd = h->chunks.fd = -1;
        if (h == &w->val) break;
    }
    *out = w;
    w->vocab_size = vocab_size;
    w->begin_of_text = -1;
    w->token_size = vocab_size > SMALL_TOKENS ? 4 : 2;
    w->path = arena_text(&w->arena, path);
    if (!w->path) return FAIL(E_NOMEM, "a path");
    file_folder(path, folder);
    files_clean(folder, file_name(path));
    TRY(half_open(&w->train, w));
    return half_open(&w->val, w);
}

Status dataset_writer_open(DatasetWriter **out, const char *path, int64_t vocab_size)
{
    return file_saved(path, begin(out, path, vocab_size));
}

/* The token buffer holds a chunk; the last chunk may be shorter. */
static Status end_chunk(Half *h)
{
    const Spool *s = &h->tokens;
    if (!s->used) return OK;
    const uint64_t chunk = digest_short(s->buffer, s->used);
    digest_add(&h->digest, s->buffer, s->used);
    TRY(spool_add(&h->chunks, &chunk, sizeof chunk));
    return spool_flush(&h->tokens);
}

/* Up to a buffer of tokens, as stored. */
static Status add_part(const DatasetWriter *w, Half *h, const int32_t *tokens, int64_t count)
{
    uint16_t small[PART];
    for (int64_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || tokens[i] >= w->vocab_size)
            return FAIL(E_ARG, "token %d is not below vocab_size %lld", tokens[i],
                        (long long)w->vocab_size);
        small[i] = (uint16_t)tokens[i];
    }
    const void *from = w->token_size == 2 ? (const void *)small : (const void *)tokens;
    return spool_add(&h->tokens, from, count * w->token_size);
}

static Status add_tokens(const DatasetWriter *w, Half *h, const int32_t *tokens, int64_t count)
{
    for (int64_t part; count; tokens += part, count -= part) {
        if (h->tokens.used == h->tokens.room) TRY(end_chunk(h));
        const int64_t room = (h->tokens.room - h->tokens.used) / w->token_size;
        part = room < PART ? room : PART;
        if (part > count) part = count;
        TRY(add_part(w, h, tokens, part));
    }
    return OK;
}

Status dataset_writer_add(DatasetWriter *w, bool to_val, const int32_t *tokens, int64_t count,
                          int64_t prefix, bool more)
{
    Half *h = to_val ? &w->val : &w->train;
    if (w->mid_document && to_val != w->mid_to_val)
        return FAIL(E_ARG, "a document continues in the other split");
    if (prefix < 0 || prefix > count || h->prefix + prefix > UINT32_MAX)
        return FAIL(E_ARG, "a prompt of %lld tokens in a document of %lld",
                    (long long)(h->prefix + prefix), (long long)(h->begun + count));
    TRY(add_tokens(w, h, tokens, count));
    h->count += count;
    h->begun += count;
    h->prefix += prefix;
    w->mid_document = more;
    w->mid_to_val = to_val;
    if (more) return OK;

    if (!h->begun) return FAIL(E_ARG, "a document without tokens");
    const uint64_t end = (uint64_t)h->count;
    const uint32_t prompt = (uint32_t)h->prefix;
    h->begun = h->prefix = 0;
    h->document_count++;
    TRY(spool_add(&h->documents, &end, sizeof end));
    return spool_add(&h->prefixes, &prompt, sizeof prompt);
}

static Status flush(Half *h)
{
    TRY(end_chunk(h));
    TRY(spool_flush(&h->documents));
    TRY(spool_flush(&h->prefixes));
    return spool_flush(&h->chunks);
}

/* Continues the digest of the training tokens with those of the validation split. */
static Status join_digests(DatasetWriter *w)
{
    unsigned char *buffer = w->val.tokens.buffer; /* flushed: free to use */
    const int64_t size = w->val.tokens.size;
    for (int64_t place = 0, part; place < size; place += part) {
        part = size - place < CHUNK_SIZE ? size - place : CHUNK_SIZE;
        TRY(spool_read(&w->val.tokens, buffer, place, part));
        digest_add(&w->train.digest, buffer, part);
    }
    return OK;
}

static void put_lists(H5Writer *out, const char *group, const Half *h)
{
    char path[64];
    snprintf(path, sizeof path, "%s/documents", group);
    h5_put_spool(out, path, NUMBER_U64, h->document_count + 1, &h->documents, false);
    snprintf(path, sizeof path, "%s/prefixes", group);
    h5_put_spool(out, path, NUMBER_U32, h->document_count, &h->prefixes, false);
    snprintf(path, sizeof path, "%s/chunks", group);
    h5_put_spool(out, path, NUMBER_U64, h->chunks.size / (int64_t)sizeof(uint64_t), &h->chunks,
                 false);
}

static Status write_file(const DatasetWriter *w, H5Writer *out, const char *tokenizer,
                         int64_t tokenizer_size)
{
    const NumberType type = w->token_size == 2 ? NUMBER_U16 : NUMBER_U32;
    char digest[33];
    digest_text(&w->train.digest, digest);
    h5_put_int(out, "/", "vocab_size", w->vocab_size);
    h5_put_int(out, "/", "chunk_size", CHUNK_SIZE);
    h5_put_text(out, "/", "digest", digest);
    h5_put_group(out, "/train");
    h5_put_group(out, "/val");
    h5_put(out, "/tokenizer", NUMBER_U8, SHAPE(tokenizer_size), tokenizer);
    if (w->begin_of_text >= 0)
        h5_put(out, "/begin_of_text", NUMBER_U32, SHAPE(1), &w->begin_of_text);
    put_lists(out, "/train", &w->train);
    put_lists(out, "/val", &w->val);
    /* Last, so that the structure in memory comes before the tokens. */
    h5_put_spool(out, "/train/tokens", type, w->train.count, &w->train.tokens, true);
    h5_put_spool(out, "/val/tokens", type, w->val.count, &w->val.tokens, true);
    return h5_write(out, w->path);
}

void dataset_writer_begin_of_text(DatasetWriter *w, int32_t token)
{
    w->begin_of_text = token;
}

Status dataset_writer_finish(DatasetWriter *w, const char *tokenizer, int64_t tokenizer_size)
{
    H5Writer out;
    if (w->mid_document) return FAIL(E_ARG, "the last document is not complete");
    TRY(flush(&w->train));
    TRY(flush(&w->val));
    TRY(join_digests(w));
    h5_writer_open(&out, &dataset_kind, ARRAYS);
    Status status = write_file(w, &out, tokenizer, tokenizer_size);
    h5_writer_close(&out);
    return status;
}

static void half_close(Half *h)
{
    spool_close(&h->tokens);
    spool_close(&h->documents);
    spool_close(&h->prefixes);
    spool_close(&h->chunks);
    if (h->digest.state) digest_close(&h->digest);
}

void dataset_writer_close(DatasetWriter *w)
{
    if (!w) return;
    half_close(&w->train);
    half_close(&w->val);
    arena_free(&w->arena);
    free(w);
}

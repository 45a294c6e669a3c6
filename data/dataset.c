#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/dataset_internal.h"

const BlockKind dataset_kind = {"CAPSDATA", "dataset", 1, 1, 4096, 4096, E_DATA};

int64_t dataset_largest_token(const Split *s, int64_t begin, int64_t end)
{
    int64_t largest = -1;
    if (s->token_size == 2) {
        const uint16_t *tokens = s->tokens;
        uint16_t top = 0;
        for (int64_t i = begin; i < end; i++) top = tokens[i] > top ? tokens[i] : top;
        largest = top;
    } else {
        const uint32_t *tokens = s->tokens;
        uint32_t top = 0;
        for (int64_t i = begin; i < end; i++) top = tokens[i] > top ? tokens[i] : top;
        largest = top;
    }
    return begin < end ? largest : -1;
}

/* Documents ascend from 0 to count, and prompts are not longer than their documents. */
static Status check_documents(const Dataset *d, const Split *s)
{
    const char *path = d->state->reader.path;
    if (s->offsets[0] || s->offsets[s->documents] != (uint64_t)s->count)
        return FAIL(E_DATA, "%s: the documents of %s do not cover its %lld tokens", path, s->name,
                    (long long)s->count);
    for (int64_t i = 0; i < s->documents; i++) {
        if (s->offsets[i + 1] <= s->offsets[i] || s->offsets[i + 1] > (uint64_t)s->count)
            return FAIL(E_DATA, "%s: document %lld of %s ends at token %llu but begins at %llu",
                        path, (long long)i, s->name, (unsigned long long)s->offsets[i + 1],
                        (unsigned long long)s->offsets[i]);
        if (s->prefixes[i] > s->offsets[i + 1] - s->offsets[i])
            return FAIL(E_DATA, "%s: document %lld of %s has %llu tokens, %u of them its prompt",
                        path, (long long)i, s->name,
                        (unsigned long long)(s->offsets[i + 1] - s->offsets[i]), s->prefixes[i]);
    }
    return OK;
}

/* *turn: the index in the user block of the next split that has tokens. */
static Status open_split(Dataset *d, Split *s, Chunks *chunks, int *turn)
{
    const H5Reader *r = &d->state->reader;
    const NumberType type = s->token_size == 2 ? NUMBER_U16 : NUMBER_U32;
    char path[64];
    const void *data;
    int64_t count;

    snprintf(path, sizeof path, "/%s/tokens", s->name);
    TRY(h5_find_list(r, path, type, &s->count, &s->tokens));
    const int64_t size = s->count * s->token_size;
    if (size) {
        const Span apart = r->apart[(*turn)++];
        if (s->tokens != r->file.bytes + r->kind->size + apart.begin ||
            apart.end - apart.begin != size)
            return FAIL(E_DATA, "%s: %s is not where its user block says", r->path, path);
    }

    snprintf(path, sizeof path, "/%s/documents", s->name);
    TRY(h5_find_list(r, path, NUMBER_U64, &count, &data));
    s->offsets = data;
    s->documents = count - 1;
    snprintf(path, sizeof path, "/%s/prefixes", s->name);
    TRY(h5_find_list(r, path, NUMBER_U32, &count, &data));
    s->prefixes = data;
    if (s->documents < 0 || count != s->documents)
        return FAIL(E_DATA, "%s: %s: %lld documents and %lld prefixes", r->path, s->name,
                    (long long)s->documents, (long long)count);
    TRY(check_documents(d, s));

    snprintf(path, sizeof path, "/%s/chunks", s->name);
    TRY(h5_find_list(r, path, NUMBER_U64, &chunks->count, &data));
    chunks->digests = data;
    if (chunks->count != (size + CHUNK_SIZE - 1) / CHUNK_SIZE)
        return FAIL(E_DATA, "%s: %lld digests for %lld tokens of %s", r->path,
                    (long long)chunks->count, (long long)s->count, s->name);
    chunks->sound = arena_zero(&d->arena, chunks->count);
    return chunks->sound ? OK : FAIL(E_NOMEM, "%lld bytes", (long long)chunks->count);
}

static Status read_begin(Dataset *d, H5Reader *r)
{
    const void *token;
    int64_t count;
    if (!h5_has(r, "/begin_of_text")) return OK;
    TRY(h5_find_list(r, "/begin_of_text", NUMBER_U32, &count, &token));
    if (count == 1) memcpy(&d->begin_of_text, token, sizeof d->begin_of_text);
    if (count == 1 && d->begin_of_text >= 0 && d->begin_of_text < d->vocab_size) return OK;
    return FAIL(E_DATA, "%s: /begin_of_text: expected one token below vocab_size %lld", r->path,
                (long long)d->vocab_size);
}

static Status open_h5(Dataset *d, const char *path)
{
    H5Reader *r = &d->state->reader;
    const void *text;
    int64_t chunk_size;
    int turn = 0;
    TRY(h5_reader_open(r, path, &dataset_kind));
    TRY(h5_get_int(r, "/", "vocab_size", &d->vocab_size));
    TRY(h5_get_int(r, "/", "chunk_size", &chunk_size));
    TRY(h5_get_text(r, "/", "digest", d->digest, sizeof d->digest));
    if (d->vocab_size < 1 || d->vocab_size > INT32_MAX || chunk_size != CHUNK_SIZE)
        return FAIL(E_DATA, "%s: vocab_size %lld, chunk_size %lld", r->path,
                    (long long)d->vocab_size, (long long)chunk_size);
    TRY(read_begin(d, r));
    d->train.token_size = d->val.token_size = d->vocab_size > 65536 ? 4 : 2;
    TRY(open_split(d, &d->train, &d->state->train, &turn));
    TRY(open_split(d, &d->val, &d->state->val, &turn));
    TRY(h5_find_list(r, "/tokenizer", NUMBER_U8, &d->tokenizer_size, &text));
    d->tokenizer = text;
    h5_reader_detach(r);
    return OK;
}

/* E_DATA, with the folder that the relative path starts from: it may not be where the run began. */
static Status check_exists(const char *path)
{
    char here[PATH_MAX];
    if (*path == '/' || !access(path, F_OK) || errno != ENOENT || !getcwd(here, sizeof here))
        return OK; /* opening it gives the message */
    return FAIL(E_DATA,
                "%s: no such file in %s; if the dataset is elsewhere, give data.path=FILE (eval, "
                "explain and replay: --data FILE)",
                path, here);
}

Status dataset_open(Dataset *d, const char *path)
{
    *d = (Dataset){.train.name = "train",
                   .val.name = "val",
                   .format = "capstan",
                   .begin_of_text = -1};
    d->state = arena_zero(&d->arena, sizeof *d->state);
    d->path = arena_text(&d->arena, path);
    if (!d->state || !d->path) return FAIL(E_NOMEM, "a dataset");
    TRY(check_exists(path));
    const char *dot = strrchr(path, '.');
    return dot && !strcmp(dot, ".bin") ? dataset_open_raw(d, path) : open_h5(d, path);
}

static Status check_chunk(const Dataset *d, const Split *s, const Chunks *c, int64_t i)
{
    char path[PATH_MAX];
    const int64_t step = CHUNK_SIZE / s->token_size, begin = i * step;
    const int64_t end = begin + step < s->count ? begin + step : s->count;
    const unsigned char *bytes = (const unsigned char *)s->tokens + i * CHUNK_SIZE;

    if (c->digests && digest_short(bytes, (end - begin) * s->token_size) != c->digests[i])
        return FAIL(E_DATA, "%s: damaged: tokens %lld to %lld of %s have changed",
                    text_escape(d->path, path, sizeof path), (long long)begin, (long long)end - 1,
                    s->name);
    const int64_t largest = dataset_largest_token(s, begin, end);
    if (largest >= d->vocab_size)
        return FAIL(E_DATA, "%s: token %lld in %s is not below vocab_size %lld",
                    text_escape(d->path, path, sizeof path), (long long)largest, s->name,
                    (long long)d->vocab_size);
    return OK;
}

Status dataset_touch(const Dataset *d, const Split *s, int64_t begin, int64_t end)
{
    const Chunks *c = s == &d->val ? &d->state->val : &d->state->train;
    const int64_t step = CHUNK_SIZE / s->token_size;
    if (begin < 0 || end > s->count)
        return FAIL(E_ARG, "tokens %lld to %lld of the %lld of %s", (long long)begin,
                    (long long)end, (long long)s->count, s->name);
    if (begin >= end || !c->sound) return OK;
    for (int64_t i = begin / step; i <= (end - 1) / step; i++) {
        if (c->sound[i]) continue;
        TRY(check_chunk(d, s, c, i)); /* two threads may check the same chunk: no harm */
        c->sound[i] = 1;
    }
    return OK;
}

void dataset_close(Dataset *d)
{
    if (d->state) {
        h5_reader_close(&d->state->reader);
        for (int i = 0; i < d->state->raw_count; i++) mapping_close(&d->state->raw[i]);
    }
    arena_free(&d->arena);
    *d = (Dataset){0};
}

/* Token files of other programs: nanoGPT's data/.../prepare.py and llm.c's
 * dev/data/data_common.py. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/dataset_internal.h"

enum { HEADER = 256, MAGIC = 20240520, MAGIC_LLAMA3 = 20240801 };

/* Finds the tokens in a file. */
static Status read_tokens(const char *name, const unsigned char *bytes, int64_t size, Split *s)
{
    int32_t header[3] = {0};
    if (size >= (int64_t)sizeof header) memcpy(header, bytes, sizeof header);
    s->token_size = 2;
    if (header[0] == MAGIC_LLAMA3)
        return FAIL(E_DATA,
                    "%s: a token file of llm.c for Llama 3; only those for GPT-2 (magic "
                    "%d, uint16) are supported",
                    name, MAGIC);
    if (header[0] != MAGIC) {
        if (size % 2)
            return FAIL(E_DATA, "%s: %lld bytes: not a whole number of uint16 tokens", name,
                        (long long)size);
        s->tokens = bytes;
        s->count = size / 2;
        return OK;
    }
    const int64_t start = HEADER * (int64_t)sizeof(int32_t);
    if (header[1] != 1)
        return FAIL(E_DATA, "%s: a token file of llm.c of version %d; this program reads 1", name,
                    header[1]);
    if (header[2] < 0 || size != start + 2 * (int64_t)header[2])
        return FAIL(E_DATA,
                    "%s: truncated or damaged: %d tokens would be %lld bytes, and it has "
                    "%lld",
                    name, header[2], (long long)(start + 2 * (int64_t)header[2]), (long long)size);
    s->tokens = bytes + start;
    s->count = header[2];
    return OK;
}

static Status open_half(const char *path, Mapping *m, Split *s)
{
    char name[PATH_MAX];
    TRY(mapping_open(m, path, E_DATA));
    return read_tokens(text_escape(path, name, sizeof name), m->bytes, m->size, s);
}

/* The path with "val" instead of "train" in its last part; false: no "train", or no such file. */
static bool other_half(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/'), *from = NULL;
    for (const char *at = slash ? slash : path; (at = strstr(at, "train")); at++) from = at;
    if (!from) return false;
    snprintf(out, PATH_MAX, "%.*sval%s", (int)(from - path), path, from + strlen("train"));
    return !access(out, F_OK);
}

/* All tokens as one document; no document if there are no tokens. */
static Status cut(Dataset *d, Split *s)
{
    uint64_t *offsets = arena_zero(&d->arena, 2 * sizeof *offsets);
    uint32_t *prefixes = arena_zero(&d->arena, sizeof *prefixes);
    if (!offsets || !prefixes) return FAIL(E_NOMEM, "a dataset");
    s->token_size = 2;
    s->documents = s->count > 0;
    offsets[s->documents] = (uint64_t)s->count;
    s->offsets = offsets;
    s->prefixes = prefixes;
    const int64_t largest = dataset_largest_token(s, 0, s->count);
    if (largest >= d->vocab_size) d->vocab_size = largest + 1;
    return OK;
}

Status dataset_open_raw(Dataset *d, const char *path)
{
    char val[PATH_MAX];
    Digest digest;
    TRY(open_half(path, &d->state->raw[0], &d->train));
    d->format = d->train.tokens == d->state->raw[0].bytes ? "nanoGPT" : "llm.c";
    if (other_half(path, val)) TRY(open_half(val, &d->state->raw[1], &d->val));
    TRY(cut(d, &d->train));
    TRY(cut(d, &d->val));
    TRY(digest_open(&digest));
    digest_add(&digest, d->train.tokens, d->train.count * 2);
    digest_add(&digest, d->val.tokens, d->val.count * 2);
    digest_text(&digest, d->digest);
    digest_close(&digest);
    return OK;
}

/* Token files of other programs: nanoGPT's data/.../prepare.py and llm.c's
 * dev/data/data_common.py. A split is one file or several. */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/dataset_internal.h"

enum { HEADER = 256, MAGIC = 20240520, MAGIC_LLAMA3 = 20240801, LARGEST_TOKEN = (1 << 24) - 1 };

/* The tokens of one file. */
typedef struct TokenFile {
    const char *name;
    const void *tokens;
    int64_t count;
    int token_size;
    bool has_header;
} TokenFile;

/* Whether numbers without a header are uint32: their upper halves, every second uint16, are then
 * all small while some lower half is large. Tokens of uint16 are as large in odd places as in
 * even ones. */
static bool look_like_uint32(const unsigned char *bytes, int64_t size)
{
    enum { LEAST = 64, MOST = 1 << 16, UPPER_MAX = (LARGEST_TOKEN >> 16) };
    int64_t largest[2] = {0};
    const int64_t pairs = size / 4 < MOST ? size / 4 : MOST;
    for (int64_t i = 0; i < 2 * pairs; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        if (half > largest[i % 2]) largest[i % 2] = half;
    }
    return size % 4 == 0 && pairs >= LEAST && largest[1] <= UPPER_MAX &&
           largest[0] >= 16 * (largest[1] + 1);
}

static Status read_plain(TokenFile *f, const unsigned char *bytes, int64_t size)
{
    const bool is_32 = strstr(f->name, "uint32") != NULL, is_16 = strstr(f->name, "uint16") != NULL;
    f->token_size = is_32 || (!is_16 && look_like_uint32(bytes, size)) ? 4 : 2;
    f->tokens = bytes;
    f->count = size / f->token_size;
    return size % f->token_size == 0
               ? OK
               : FAIL(E_DATA, "%s: %lld bytes: not a whole number of uint%d tokens", f->name,
                      (long long)size, 8 * f->token_size);
}

/* Finds the tokens in a file. */
static Status read_tokens(TokenFile *f, const unsigned char *bytes, int64_t size)
{
    int32_t header[3] = {0};
    if (size >= (int64_t)sizeof header) memcpy(header, bytes, sizeof header);
    f->has_header = header[0] == MAGIC || header[0] == MAGIC_LLAMA3;
    if (!f->has_header) return read_plain(f, bytes, size);
    const int64_t start = HEADER * (int64_t)sizeof(int32_t);
    const int version = header[0] == MAGIC ? 1 : 7;
    f->token_size = header[0] == MAGIC ? 2 : 4;
    if (header[1] != version)
        return FAIL(E_DATA, "%s: a token file of llm.c of version %d; this program reads %d",
                    f->name, header[1], version);
    const int64_t right = start + f->token_size * (int64_t)header[2];
    if (header[2] < 0 || size != right)
        return FAIL(E_DATA,
                    "%s: truncated or damaged: %d tokens would be %lld bytes, and it has %lld",
                    f->name, header[2], (long long)right, (long long)size);
    f->tokens = bytes + start;
    f->count = header[2];
    return OK;
}

/* A path as a pattern that matches it alone, with `digits` bytes from `at` as any digits. */
static void quote(const char *path, int64_t at, int64_t digits, char *out, size_t room)
{
    size_t used = 0;
    for (int64_t i = 0; path[i] && used + 8 < room; i++) {
        const bool is_digit = i >= at && i < at + digits;
        if (!is_digit && strchr("*?[\\", path[i])) out[used++] = '\\';
        if (is_digit)
            used += (size_t)sprintf(out + used, "[0-9]");
        else
            out[used++] = path[i];
    }
    out[used] = '\0';
}

/* Where the number of a shard begins in "..._000001.bin", and its digits; 0: it has none. */
static int64_t shard_number(const char *path, int64_t *digits)
{
    int64_t at = (int64_t)strlen(path) - 4;
    const int64_t end = at;
    while (at > 0 && path[at - 1] >= '0' && path[at - 1] <= '9') at--;
    *digits = at > 0 && strchr("_-", path[at - 1]) && strstr(path, "train") ? end - at : 0;
    return at;
}

/* The pattern with "val" instead of "train" in its last part; false: no "train". */
static bool val_pattern(const char *pattern, char out[2 * PATH_MAX])
{
    const char *slash = strrchr(pattern, '/'), *from = NULL;
    for (const char *at = slash ? slash : pattern; (at = strstr(at, "train")); at++) from = at;
    if (!from) return false;
    snprintf(out, 2 * PATH_MAX, "%.*sval%s", (int)(from - pattern), pattern,
             from + strlen("train"));
    return true;
}

/* Opens the files of a split, which are all its tokens, as one document. */
static Status open_files(Dataset *d, Split *s, char *const *paths, int count)
{
    Shard *shards = arena_zero(&d->arena, (count + 1) * (int64_t)sizeof *shards);
    if (!shards) return FAIL(E_NOMEM, "a dataset");
    s->token_size = 0;
    for (int i = 0; i < count; i++) {
        char name[PATH_MAX];
        Mapping *m = &d->state->raw[d->state->raw_count++];
        TokenFile f = {.name = text_escape(paths[i], name, sizeof name)};
        TRY(mapping_open(m, paths[i], E_DATA));
        TRY(read_tokens(&f, m->bytes, m->size));
        if (s->token_size && f.token_size != s->token_size)
            return FAIL(E_DATA, "%s: uint%d tokens, and those of the file before it are uint%d",
                        name, 8 * f.token_size, 8 * s->token_size);
        const Split one = {.tokens = f.tokens, .token_size = f.token_size, .count = f.count};
        const int64_t largest = dataset_largest_token(&one, 0, f.count);
        if (largest > LARGEST_TOKEN)
            return FAIL(E_DATA, "%s: token %lld: too large for uint32 tokens", name,
                        (long long)largest);
        if (largest >= d->vocab_size) d->vocab_size = largest + 1;
        if (!i) s->tokens = f.tokens;
        d->format = f.has_header ? "llm.c" : "nanoGPT";
        s->token_size = f.token_size;
        shards[i] = (Shard){s->count, f.tokens};
        shards[i + 1].begin = s->count += f.count;
    }
    s->shards = shards;
    s->shard_count = count > 1 ? count : 0;
    return OK;
}

static Status cut(Dataset *d, Split *s)
{
    uint64_t *offsets = arena_zero(&d->arena, 2 * sizeof *offsets);
    uint32_t *prefixes = arena_zero(&d->arena, sizeof *prefixes);
    if (!offsets || !prefixes) return FAIL(E_NOMEM, "a dataset");
    if (!s->token_size) s->token_size = 2;
    s->documents = s->count > 0;
    offsets[s->documents] = (uint64_t)s->count;
    s->offsets = offsets;
    s->prefixes = prefixes;
    return OK;
}

static void add_digest(Digest *digest, const Split *s)
{
    if (!s->shard_count) digest_add(digest, s->tokens, s->count * s->token_size);
    for (int i = 0; i < s->shard_count; i++) {
        const int64_t end = i + 1 < s->shard_count ? s->shards[i + 1].begin : s->count;
        digest_add(digest, s->shards[i].tokens, (end - s->shards[i].begin) * s->token_size);
    }
}

static Status open_splits(Dataset *d, const char *path, const glob_t *train, const glob_t *val)
{
    char *const alone[] = {(char *)(uintptr_t)path};
    const int count = train->gl_pathc ? (int)train->gl_pathc : 1, vals = (int)val->gl_pathc;
    Digest digest;
    d->state->raw = arena_zero(&d->arena, (count + vals) * (int64_t)sizeof *d->state->raw);
    if (!d->state->raw) return FAIL(E_NOMEM, "a dataset");
    if (vals) TRY(open_files(d, &d->val, val->gl_pathv, vals));
    TRY(open_files(d, &d->train, train->gl_pathc ? train->gl_pathv : alone, count));
    TRY(cut(d, &d->train));
    TRY(cut(d, &d->val));
    TRY(digest_open(&digest));
    add_digest(&digest, &d->train);
    add_digest(&digest, &d->val);
    digest_text(&digest, d->digest);
    digest_close(&digest);
    return OK;
}

/* Finds the files that belong to path: itself, those that match it, or, of the first of a
 * numbered series, all of it; and those of the validation split. */
Status dataset_open_raw(Dataset *d, const char *path)
{
    char pattern[2 * PATH_MAX], other[2 * PATH_MAX], whole[2 * PATH_MAX];
    glob_t train = {0}, val = {0};
    int64_t digits;
    const int64_t at = shard_number(path, &digits);
    const bool is_pattern = strpbrk(path, "*?[") && access(path, F_OK);
    quote(path, at, 0, pattern, sizeof pattern);
    quote(path, at, digits, whole, sizeof whole);
    if (is_pattern) snprintf(pattern, sizeof pattern, "%s", path);
    glob(is_pattern ? pattern : whole, 0, NULL, &train);
    if (!is_pattern && (!train.gl_pathc || strcmp(train.gl_pathv[0], path))) {
        globfree(&train); /* not the first of a series: it alone */
        train = (glob_t){0};
    }
    if (val_pattern(is_pattern ? pattern : whole, other)) glob(other, 0, NULL, &val);
    const Status status = open_splits(d, path, &train, &val);
    globfree(&train);
    globfree(&val);
    return status;
}

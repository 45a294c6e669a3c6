#include "data/block.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "autograd/base/text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are mapped as they are");

typedef struct Header {
    char magic[8];
    uint32_t version, block;
    uint64_t payload;
    uint64_t apart[BLOCK_APART][2];
    unsigned char digest[16];
    XXH64_canonical_t self;
} Header;

_Static_assert(sizeof(Header) == BLOCK_USED, "no padding");

Status digest_open(Digest *d)
{
    d->state = XXH3_createState();
    if (!d->state) return FAIL(E_NOMEM, "a digest");
    XXH3_128bits_reset(d->state);
    return OK;
}

void digest_add(Digest *d, const void *bytes, int64_t size)
{
    if (size) XXH3_128bits_update(d->state, bytes, (size_t)size);
}

void digest_canonical(const Digest *d, unsigned char out[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(d->state));
    memcpy(out, canonical.digest, 16);
}

void digest_text(const Digest *d, char out[33])
{
    unsigned char bytes[16];
    digest_canonical(d, bytes);
    for (int i = 0; i < 16; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void digest_close(Digest *d)
{
    XXH3_freeState(d->state);
    d->state = NULL;
}

uint64_t digest_short(const void *bytes, int64_t size)
{
    return XXH3_64bits(bytes, (size_t)size);
}

void block_fill(unsigned char *block, const BlockKind *kind, int64_t payload,
                const Span apart[BLOCK_APART], const Digest *digest)
{
    Header h = {.version = kind->version,
                .block = (uint32_t)kind->size,
                .payload = (uint64_t)payload};
    memcpy(h.magic, kind->magic, sizeof h.magic);
    for (int i = 0; i < BLOCK_APART; i++) {
        h.apart[i][0] = (uint64_t)apart[i].begin;
        h.apart[i][1] = (uint64_t)apart[i].end;
    }
    digest_canonical(digest, h.digest);
    XXH64_canonicalFromHash(&h.self, XXH3_64bits(&h, offsetof(Header, self)));
    memset(block, 0, (size_t)kind->size);
    memcpy(block, &h, sizeof h);
}

static Status check_header(const BlockKind *kind, const char *name, const unsigned char *file,
                           int64_t size, Header *h)
{
    if (size < (int64_t)sizeof *h || memcmp(file, kind->magic, sizeof h->magic))
        return FAIL(kind->code, "%s: not a capstan %s", name, kind->noun);
    memcpy(h, file, sizeof *h);
    if (XXH64_hashFromCanonical(&h->self) != XXH3_64bits(h, offsetof(Header, self)))
        return FAIL(kind->code, "%s: damaged: its first %zu bytes have changed", name, sizeof *h);
    if (h->version < kind->oldest || h->version > kind->version || h->block != kind->size)
        return FAIL(kind->code, "%s: a %s of version %u; this program reads version %u%s", name,
                    kind->noun, h->version, kind->version,
                    kind->oldest < kind->version ? " and older" : "");
    if (size < kind->size || h->payload != (uint64_t)(size - kind->size))
        return FAIL(kind->code, "%s: %s: %lld bytes, and was written with %llu", name,
                    size < kind->size || h->payload > (uint64_t)(size - kind->size) ? "truncated"
                                                                                    : "damaged",
                    (long long)size, (unsigned long long)(h->payload + h->block));
    for (int64_t i = sizeof *h; i < kind->size; i++)
        if (file[i])
            return FAIL(kind->code, "%s: damaged: byte %lld is not as it was written", name,
                        (long long)i);
    return OK;
}

static bool is_whole(const Header *h, const unsigned char *payload, Digest *d)
{
    unsigned char found[16];
    uint64_t place = 0;
    for (int i = 0; i < BLOCK_APART; i++) {
        digest_add(d, payload + place, (int64_t)(h->apart[i][0] - place));
        place = h->apart[i][1];
    }
    digest_add(d, payload + place, (int64_t)(h->payload - place));
    digest_canonical(d, found);
    return !memcmp(found, h->digest, sizeof found);
}

Status block_check(const BlockKind *kind, const char *path, const unsigned char *file, int64_t size,
                   Span apart[BLOCK_APART])
{
    char name[PATH_MAX];
    Header h;
    Digest d;
    text_escape(path, name, sizeof name);
    TRY(check_header(kind, name, file, size, &h));
    uint64_t place = 0;
    for (int i = 0; i < BLOCK_APART; i++) {
        if (h.apart[i][0] < place || h.apart[i][1] < h.apart[i][0] || h.apart[i][1] > h.payload)
            return FAIL(kind->code, "%s: damaged: its arrays extend beyond the file", name);
        apart[i] = (Span){(int64_t)h.apart[i][0], (int64_t)h.apart[i][1]};
        place = h.apart[i][1];
    }
    TRY(digest_open(&d));
    const bool whole = is_whole(&h, file + kind->size, &d);
    digest_close(&d);
    if (!whole)
        return FAIL(kind->code,
                    "%s: damaged: its content does not have the digest it was "
                    "written with",
                    name);
    return OK;
}

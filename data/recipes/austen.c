/* Jane Austen's six novels, a document per novel.
 *
 * The package is one for R. Its Rdata.rdb is a sequence of [length of the raw data, 4 bytes,
 * big-endian] [zlib stream]; each is a vector of a novel's lines in R's serialization format,
 * XDR, version 3 (R Internals, section 1.8). R itself is not needed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/recipes/recipe.h"

enum { FILE_MAX = 16 << 20, NOVEL_MAX = 64 << 20, STRING_VECTOR = 16, STRING = 9, MISSING = -1 };

/* Bytes that are read from front to back; reading past the end gives 0 and sets bad. */
typedef struct Bytes {
    const unsigned char *at;
    size_t left;
    bool bad;
} Bytes;

static const unsigned char *take(Bytes *b, size_t size)
{
    if (size > b->left) {
        b->bad = true;
        return NULL;
    }
    const unsigned char *part = b->at;
    b->at += size;
    b->left -= size;
    return part;
}

static int32_t take_int(Bytes *b)
{
    const unsigned char *x = take(b, 4);
    return x ? (int32_t)((uint32_t)x[0] << 24 | (uint32_t)x[1] << 16 | (uint32_t)x[2] << 8 | x[3])
             : 0;
}

/* Writes the lines of a novel to text, which is larger than b. Returns its size, or 0. */
static size_t read_novel(Bytes *b, char *text)
{
    const unsigned char *mark = take(b, 2);
    if (!mark || memcmp(mark, "X\n", 2) || take_int(b) != 3) return 0;
    take(b, 8); /* versions of R */
    int32_t encoding = take_int(b);
    take(b, encoding > 0 ? (size_t)encoding : 0);
    if ((take_int(b) & 0xFF) != STRING_VECTOR) return 0;

    size_t used = 0;
    for (int32_t lines = take_int(b); lines > 0; lines--) {
        if ((take_int(b) & 0xFF) != STRING) return 0;
        int32_t size = take_int(b);
        const unsigned char *line = take(b, size > 0 ? (size_t)size : 0);
        if (b->bad || size < MISSING) return 0;
        if (size > 0) memcpy(text + used, line, (size_t)size);
        used += size > 0 ? (size_t)size : 0;
        text[used++] = '\n';
    }
    return b->bad ? 0 : used;
}

/* Unpacks one stream and moves b past it. */
static Status unpack(Bytes *b, const char *path, unsigned char *raw, size_t size)
{
    z_stream z = {.next_out = raw, .avail_out = (uInt)size, .avail_in = (uInt)b->left};
    z.next_in = (z_const Bytef *)b->at;
    if (inflateInit(&z) != Z_OK) return FAIL(E_NOMEM, "zlib");
    int end = inflate(&z, Z_FINISH);
    size_t taken = b->left - z.avail_in;
    inflateEnd(&z);
    if (end != Z_STREAM_END || z.avail_out) return FAIL(E_DATA, "%s: damaged", path);
    take(b, taken);
    return OK;
}

static Status read_novels(Bytes b, const char *path, Rows *out)
{
    while (b.left) {
        const int32_t size = take_int(&b);
        if (b.bad || size <= 0 || size > NOVEL_MAX) return FAIL(E_DATA, "%s: damaged", path);
        unsigned char *raw = malloc((size_t)size);
        char *text = malloc((size_t)size);
        Status status = raw && text ? unpack(&b, path, raw, (size_t)size)
                                    : FAIL(E_NOMEM, "%d bytes of a novel", (int)size);
        if (status == OK) {
            size_t length = read_novel(&(Bytes){raw, (size_t)size, false}, text);
            status = length ? rows_add(out, NULL, text, length)
                            : FAIL(E_DATA, "%s: not a list of lines", path);
        }
        free(raw);
        free(text);
        TRY(status);
    }
    return OK;
}

static Status extract(const char *root, const char *scratch, Rows *out)
{
    char path[PATH_MAX];
    (void)scratch;
    snprintf(path, sizeof path, "%s%s", root, recipe_austen.probe);
    FILE *f = fopen(path, "rb");
    unsigned char *bytes = malloc(FILE_MAX);
    size_t size = f && bytes ? fread(bytes, 1, FILE_MAX, f) : 0;
    Status status = !f       ? FAIL(E_DATA, "%s: %s", path, strerror(errno))
                    : !bytes ? FAIL(E_NOMEM, "%d bytes", FILE_MAX)
                             : read_novels((Bytes){bytes, size, false}, path, out);
    if (f) fclose(f);
    free(bytes);
    return status;
}

const Recipe recipe_austen = {"austen",
                              "Jane Austen's six novels",
                              {"r-cran-janeaustenr"},
                              "/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb",
                              6,
                              extract};

#include "data/binary.h"

#include <stdio.h>
#include <string.h>

/* A kind of file begins with these bytes. Those that could begin a text, too, need a zero byte. */
typedef struct Kind {
    const char *bytes;
    int64_t size, offset;
    bool needs_zero;
    const char *what, *remedy; /* "it is WHAT; REMEDY" */
} Kind;

#define BEGINS(text) text, sizeof text - 1, 0

static const Kind kinds[] = {
    {BEGINS("\x28\xB5\x2F\xFD"), false, "compressed by zstd", "unpack it: zstd -d FILE"},
    {BEGINS("\xFD"
            "7zXZ\0"),
     false, "compressed by xz", "unpack it: xz -dk FILE"},
    {"1AY&SY", 6, 4, false, "compressed by bzip2", "unpack it: bzip2 -dk FILE"},
    {BEGINS("\x04\"M\x18"), false, "compressed by lz4", "unpack it: lz4 -d FILE"},
    {BEGINS("\x1F\x9D"), false, "compressed by compress", "unpack it: gzip -dk FILE"},
    {BEGINS("\x1F\x8B"), false, "compressed by gzip", "unpack it: gzip -dk FILE"},
    {BEGINS("PK\x03\x04"), false, "a zip archive", "unpack it: unzip FILE"},
    {BEGINS("7z\xBC\xAF\x27\x1C"), false, "a 7-Zip archive", "unpack it: 7z x FILE"},
    {BEGINS("Rar!\x1A\x07"), false, "a RAR archive", "unpack it: unrar x FILE"},
    {"ustar", 5, 257, true, "a tar archive", "unpack it: tar -xf FILE"},
    {BEGINS("%PDF-"), false, "a PDF document", "take its text out: pdftotext FILE"},
    {BEGINS("PAR1"), true, "a Parquet table",
     "write its rows as JSONL: python3 -c \"import pandas; "
     "pandas.read_parquet('FILE').to_json('rows.jsonl', orient='records', lines=True)\""},
    {BEGINS("ARROW1\0\0"), false, "an Arrow table", "write its rows as JSONL"},
    {BEGINS("SQLite format 3\0"), false, "an SQLite database", "write its rows as JSONL"},
    {BEGINS("CAPSDATA"), true, "a dataset, prepared already", "data.path takes it as it is"},
    {BEGINS("CAPSCKPT"), true, "a checkpoint", "a model cannot be read as text"},
    {BEGINS("CAPSSWEP"), true, "a sweep's store", "it cannot be read as text"},
    {BEGINS("\x89HDF\r\n\x1A\n"), false, "an HDF5 file", "write its texts as JSONL"},
    {BEGINS("\x93NUMPY"), false, "a NumPy array", "write its texts as JSONL"},
    {BEGINS("\x89PNG\r\n\x1A\n"), false, "a PNG image", "an image has no text"},
    {BEGINS("\xFF\xD8\xFF"), false, "a JPEG image", "an image has no text"},
    {BEGINS("GIF8"), true, "a GIF image", "an image has no text"},
    {BEGINS("\x7F"
            "ELF"),
     false, "a program (ELF)", "a program has no text"},
    {BEGINS("\x88\xD8\x34\x01"), true, "a token file of llm.c", "data.path takes it as it is"},
    {BEGINS("\xA1\xD9\x34\x01"), true, "a token file of llm.c", "data.path takes it as it is"},
    {BEGINS("\xFF\xFE\0\0"), false, "text in UTF-32",
     "convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW"},
    {BEGINS("\xFF\xFE"), false, "text in UTF-16",
     "convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"},
    {BEGINS("\xFE\xFF"), false, "text in UTF-16",
     "convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* "LE" or "BE" if it looks like UTF-16 without a byte order mark: of each two bytes the same one
 * is zero, nearly always, and the other one never is. */
static const char *utf16_order(const unsigned char *bytes, int64_t size)
{
    int64_t zeros[2] = {0};
    const int64_t pairs = size / 2;
    for (int64_t i = 0; i < 2 * pairs; i++) zeros[i % 2] += !bytes[i];
    for (int k = 0; k < 2; k++)
        if (pairs && !zeros[k] && zeros[!k] > pairs * 9 / 10) return k ? "BE" : "LE";
    return NULL;
}

typedef struct Subject {
    const char *name;
    bool is_unpacked, has_force;
} Subject;

/* remedy: what to do about it; "" if there is nothing. */
static Status fail(const Subject *s, const char *what, const char *remedy)
{
    return FAIL(E_DATA, "%s: not text but %s%s%s%s%s", s->name, what,
                s->is_unpacked ? ", within gzip" : "", *remedy ? "; " : "", remedy,
                s->has_force ? " (--force: take its bytes as they are)" : "");
}

static Status fail_utf16(const Subject *s, const char *order)
{
    char what[32], remedy[64];
    snprintf(what, sizeof what, "text in UTF-16%s", order);
    snprintf(remedy, sizeof remedy, "convert it: iconv -f UTF-16%s -t UTF-8 FILE > NEW", order);
    return fail(s, what, remedy);
}

Status binary_check(const char *name, const void *bytes, int64_t size, bool is_unpacked,
                    bool has_force)
{
    const Subject s = {name, is_unpacked, has_force};
    char what[64];
    if (size > BINARY_LOOK) size = BINARY_LOOK;
    const unsigned char *zero = size ? memchr(bytes, 0, (size_t)size) : NULL;
    for (const Kind *k = kinds; k < kinds + KINDS; k++)
        if (size >= k->offset + k->size && (zero || !k->needs_zero) &&
            !memcmp((const char *)bytes + k->offset, k->bytes, (size_t)k->size))
            return fail(&s, k->what, k->remedy);
    if (!zero) return OK;
    const char *order = utf16_order(bytes, size);
    if (order) return fail_utf16(&s, order);
    snprintf(what, sizeof what, "binary data: byte %lld is zero",
             (long long)(zero - (const unsigned char *)bytes));
    return fail(&s, what, "");
}

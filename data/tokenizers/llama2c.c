#include "data/tokenizers/llama2c.h"

#include <string.h>

#include "data/tokenizers/sentencepiece.h"

enum { LONGEST = 1024, HEADER = 4, ENTRY = 8, UNKNOWN = 2, CONTROL = 3, BYTE = 6, FIRST_BYTE = 3 };

typedef struct Entry {
    float score;
    int32_t length;
    const char *text;
} Entry;

/* Reads the entry at *at and moves past it; false: there is none. */
static bool next(const char *text, int64_t size, int64_t *at, Entry *e)
{
    if (size - *at < ENTRY) return false;
    memcpy(&e->score, text + *at, sizeof e->score);
    memcpy(&e->length, text + *at + 4, sizeof e->length);
    e->text = text + *at + ENTRY;
    if (e->length < 0 || e->length > LONGEST || e->length > size - *at - ENTRY) return false;
    *at += ENTRY + e->length;
    return true;
}

bool llama2c_tokenizer_looks_so(const char *text, int64_t size)
{
    int32_t longest;
    int64_t at = HEADER, count = 0;
    Entry e;
    if (size < HEADER) return false;
    memcpy(&longest, text, sizeof longest);
    if (longest < 1 || longest > LONGEST) return false;
    while (next(text, size, &at, &e)) count++;
    return at == size && count > FIRST_BYTE;
}

static int type_of(int64_t i, const Entry *e)
{
    char text[8] = "";
    if (i < FIRST_BYTE) return i ? CONTROL : UNKNOWN;
    if (e->length == 6) memcpy(text, e->text, 6);
    return i < FIRST_BYTE + 256 && sentencepiece_byte(text) == i - FIRST_BYTE ? BYTE : 1;
}

Status llama2c_tokenizer_describe(const char *text, int64_t size, const char *name, json_t **out)
{
    json_t *pieces = json_array();
    int64_t at = HEADER;
    Entry e;
    for (int64_t i = 0; next(text, size, &at, &e); i++) {
        json_t *one =
            json_pack("[s%, f, i]", e.text, (size_t)e.length, (double)e.score, type_of(i, &e));
        if (one && !json_array_append_new(pieces, one)) continue;
        json_decref(pieces);
        return FAIL(E_DATA, "%s: token %lld is not UTF-8", name, (long long)i);
    }
    *out = json_pack("{s:s, s:i, s:i, s:b, s:b, s:o}", "type", "sentencepiece", "end_of_text", 1,
                     "begin", 1, "add_prefix", 1, "escape", 0, "pieces", pieces);
    return *out ? OK : FAIL(E_NOMEM, "%s: a tokenizer", name);
}

#include "data/tokenizers/ranks.h"

#include <string.h>

enum { RANK_MAX_DIGITS = 8, TOKEN_MAX = 1 << 10 };

static int digit(unsigned char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Decodes base64 (RFC 4648) with padding; -1: it is not base64. */
static int64_t decode(const char *text, int64_t size, unsigned char *out)
{
    int64_t used = 0;
    if (!size || size % 4) return -1;
    for (int64_t i = 0; i < size; i += 4) {
        uint32_t bits = 0;
        int digits = 0;
        for (; digits < 4; digits++) {
            const int d = digit((unsigned char)text[i + digits]);
            if (d < 0) break;
            bits |= (uint32_t)d << (18 - 6 * digits);
        }
        for (int k = digits; k < 4; k++)
            if (text[i + k] != '=' || i + 4 < size) return -1;
        if (digits < 2 || bits & (0xFFFFFFu >> (8 * (digits - 1)))) return -1;
        for (int k = 0; k < digits - 1; k++) out[used++] = (unsigned char)(bits >> (16 - 8 * k));
    }
    return used;
}

/* The length of the base64 part of a line; -1: the line is not BASE64 BLANK NUMBER. */
static int64_t split(const char *line, int64_t length, int64_t *rank)
{
    const char *blank = memchr(line, ' ', (size_t)length);
    const int64_t digits = blank ? line + length - blank - 1 : 0;
    if (digits < 1 || digits > RANK_MAX_DIGITS) return -1;
    *rank = 0;
    for (const char *c = blank + 1; c < line + length; c++) {
        if (*c < '0' || *c > '9') return -1;
        *rank = 10 * *rank + (*c - '0');
    }
    return blank - line;
}

static int64_t line_length(const char *text, int64_t left)
{
    const char *end = memchr(text, '\n', (size_t)left);
    int64_t length = end ? end - text : left;
    return length && text[length - 1] == '\r' ? length - 1 : length;
}

bool ranks_look_so(const char *text, int64_t size)
{
    int64_t rank;
    const int64_t coded = split(text, line_length(text, size), &rank);
    if (coded < 4) return false;
    for (int64_t i = 0; i < coded; i++)
        if (digit((unsigned char)text[i]) < 0 && text[i] != '=') return false;
    return true;
}

Status ranks_read(WordTable *words, Arena *a, const char *text, int64_t size, const char *name,
                  int64_t *largest)
{
    unsigned char bytes[TOKEN_MAX];
    *largest = -1;
    if (!words_open(words, a, size / 12)) return FAIL(E_NOMEM, "%s", name);
    for (int64_t at = 0, line = 1; at < size; line++) {
        const char *end = memchr(text + at, '\n', (size_t)(size - at));
        const int64_t length = line_length(text + at, size - at);
        int64_t rank = 0, coded = split(text + at, length, &rank);
        const char *begin = text + at;
        at = end ? end - text + 1 : size;
        if (!length && at == size) break;
        if (coded > TOKEN_MAX)
            return FAIL(E_DATA, "%s:%lld: a token of %lld bytes; expected at most %d", name,
                        (long long)line, (long long)coded / 4 * 3, TOKEN_MAX / 4 * 3);
        int64_t count = coded < 0 ? -1 : decode(begin, coded, bytes);
        if (count < 0)
            return FAIL(E_DATA, "%s:%lld: expected a token's bytes in base64, a blank, its rank",
                        name, (long long)line);
        const int64_t before = words->used;
        Word *w = words_add(words, bytes, count, true);
        if (!w) return FAIL(E_NOMEM, "%s", name);
        if (words->used == before)
            return FAIL(E_DATA, "%s:%lld: this token is also on an earlier line", name,
                        (long long)line);
        w->value = rank;
        if (rank > *largest) *largest = rank;
    }
    for (int byte = 0; byte < 256; byte++)
        if (!words_find(words, (const unsigned char[]){(unsigned char)byte}, 1))
            return FAIL(E_DATA, "%s: no rank for the byte 0x%02X; each byte needs one", name, byte);
    return OK;
}

/* A token is a character (a Unicode code point), numbered in code-point order; end-of-text is
 * the last token. Refuses text that is not UTF-8 or has a character that the tokenizer lacks. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/kind.h"

enum { ASCII = 128, LAST_CODE_POINT = 0x10FFFF };

typedef struct CharState {
    int64_t count;
    const uint32_t *characters;  /* [count], rising */
    const char (*utf8)[4];       /* [count] */
    const unsigned char *length; /* [count], of utf8 */
    int32_t ascii[ASCII];        /* token of the commonest characters; -1: none */
} CharState;

static int write_utf8(uint32_t c, char out[4])
{
    int length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (int i = length - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[length] | c);
    return length;
}

static uint32_t read_utf8(const unsigned char *s, int length)
{
    static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = s[0] & mask[length];
    for (int i = 1; i < length; i++) c = c << 6 | (s[i] & 0x3F);
    return c;
}

static int32_t find(const CharState *s, uint32_t c)
{
    if (c < ASCII) return s->ascii[c];
    int64_t low = 0, high = s->count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (s->characters[middle] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && s->characters[low] == c ? (int32_t)low : -1;
}

static Status read_characters(Tokenizer *t, Arena *a, const json_t *description, const char *name)
{
    const json_t *list = json_object_get(description, "characters");
    if (!json_is_array(list))
        return FAIL(E_DATA, "%s: expected \"characters\", a list of code points", name);
    const int64_t count = (int64_t)json_array_size(list);
    CharState *s = arena_zero(a, sizeof *s);
    uint32_t *characters = arena_take(a, count * (int64_t)sizeof *characters);
    char(*utf8)[4] = arena_take(a, count * (int64_t)sizeof *utf8);
    unsigned char *length = arena_take(a, count);
    if (!s || !characters || !utf8 || !length)
        return FAIL(E_NOMEM, "%s: no memory for %lld characters", name, (long long)count);

    memset(s->ascii, -1, sizeof s->ascii);
    json_int_t before = -1;
    for (int64_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        const json_int_t c = json_integer_value(item);
        if (!json_is_integer(item) || c <= before || c > LAST_CODE_POINT ||
            (c >= 0xD800 && c <= 0xDFFF))
            return FAIL(E_DATA,
                        "%s: characters[%lld]: expected a code point (no surrogate) above the "
                        "previous one, and at most %d",
                        name, (long long)i, LAST_CODE_POINT);
        before = c;
        characters[i] = (uint32_t)c;
        length[i] = (unsigned char)write_utf8((uint32_t)c, utf8[i]);
        if (c < ASCII) s->ascii[c] = (int32_t)i;
    }
    s->count = count;
    s->characters = characters;
    s->utf8 = (const char(*)[4])utf8;
    s->length = length;
    t->state = s;
    t->vocab_size = count + 1;
    t->end_of_text = (int32_t)count;
    return OK;
}

/* E_DATA with the error in the character at text + at, and its position. */
static Status refuse(const TextPlace *start, const unsigned char *text, int64_t size, int64_t at)
{
    TextPlace p = *start;
    char what[80], character[8] = "", shown[16];
    text_place_advance(&p, (const char *)text, at);
    int length = text_utf8_length(text + at, (size_t)(size - at));
    if (length > 0) {
        memcpy(character, text + at, (size_t)length);
        snprintf(what, sizeof what, "the tokenizer has no character U+%04X '%s'",
                 read_utf8(text + at, length), text_escape(character, shown, sizeof shown));
    } else {
        snprintf(what, sizeof what, "byte 0x%02X is not UTF-8; the byte tokenizer takes any text",
                 text[at]);
    }
    return FAIL(E_DATA, "%s:%lld:%lld (byte %lld): %s", start->name ? start->name : "text",
                (long long)p.line + 1, (long long)p.column + 1, (long long)p.byte, what);
}

Status char_set_add(CharSet *s, const TextPlace *place, const char *text, int64_t size)
{
    const unsigned char *from = (const unsigned char *)text;
    for (int64_t i = 0; i < size;) {
        int length = text_utf8_length(from + i, (size_t)(size - i));
        if (length <= 0) return refuse(place, from, size, i);
        uint32_t c = read_utf8(from + i, length);
        s->bits[c / 64] |= (uint64_t)1 << c % 64;
        i += length;
    }
    return OK;
}

Status char_set_tokenizer(const CharSet *s, Arena *a, Tokenizer **out)
{
    uint32_t *characters = arena_take(a, (LAST_CODE_POINT + 1) * (int64_t)sizeof *characters);
    if (!characters) return FAIL(E_NOMEM, "no memory for a tokenizer");
    int64_t count = 0;
    for (uint32_t c = 0; c <= LAST_CODE_POINT; c++)
        if (s->bits[c / 64] >> c % 64 & 1) characters[count++] = c;
    return tokenizer_char(a, characters, count, out);
}

static Status encode(const Tokenizer *t, const TextPlace *place, const unsigned char *text,
                     int64_t size, int32_t *out, int64_t *count)
{
    const CharState *s = t->state;
    int64_t used = 0;
    for (int64_t i = 0; i < size;) {
        int length = text_utf8_length(text + i, (size_t)(size - i));
        int32_t token = length > 0 ? find(s, read_utf8(text + i, length)) : -1;
        if (token < 0) return refuse(place, text, size, i);
        out[used++] = token;
        i += length;
    }
    *count = used;
    return OK;
}

static const char *bytes(const Tokenizer *t, int32_t token, int64_t *size)
{
    const CharState *s = t->state;
    *size = s->length[token];
    return s->utf8[token];
}

const TokenizerKind tokenizer_kind_char = {
    .name = "char",
    .read = read_characters,
    .encode = encode,
    .bytes = bytes,
};

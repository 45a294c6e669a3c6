#include "data/json_row.h"

#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"

enum { DEPTH_MAX = 4096 };

typedef struct Scan {
    JsonRow *row;
    const char *line, *at, *end;
    char *out;
    bool repair; /* of this string */
} Scan;

static bool fail(Scan *s, RowFault fault, const char *wrong)
{
    s->row->fault = fault;
    s->row->wrong = wrong;
    s->row->column = s->at - s->line + 1;
    return false;
}

static void skip_space(Scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at) s->at++;
}

static bool take(Scan *s, char c)
{
    skip_space(s);
    const bool is_there = s->at < s->end && *s->at == c;
    s->at += is_there;
    return is_there;
}

/* Steps over a string, from behind its first quote. */
static bool skip_string(Scan *s)
{
    for (; s->at < s->end && *s->at != '"'; s->at++) s->at += *s->at == '\\';
    if (s->at >= s->end) {
        s->at = s->end;
        return fail(s, ROW_FORM, "a string does not end");
    }
    s->at++;
    return true;
}

static void put_code_point(Scan *s, uint32_t c)
{
    if (c < 0x80) {
        *s->out++ = (char)c;
    } else if (c < 0x800) {
        *s->out++ = (char)(0xC0 | c >> 6);
        *s->out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *s->out++ = (char)(0xE0 | c >> 12);
        *s->out++ = (char)(0x80 | (c >> 6 & 63));
        *s->out++ = (char)(0x80 | (c & 63));
    } else {
        *s->out++ = (char)(0xF0 | c >> 18);
        *s->out++ = (char)(0x80 | (c >> 12 & 63));
        *s->out++ = (char)(0x80 | (c >> 6 & 63));
        *s->out++ = (char)(0x80 | (c & 63));
    }
}

static bool replace(Scan *s, RowFault fault, const char *wrong)
{
    if (!s->repair) return fail(s, fault, wrong);
    s->row->repaired = true;
    put_code_point(s, 0xFFFD);
    return true;
}

/* The four digits of an escape, from behind "\u"; -1: there are none. */
static int32_t hex4(const Scan *s, const char *at)
{
    int32_t value = 0;
    if (s->end - at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef",
                   c = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] + 32) : at[i];
        const char *digit = c ? strchr(digits, c) : NULL;
        if (!digit) return -1;
        value = value * 16 + (int32_t)(digit - digits);
    }
    return value;
}

/* An escape, from behind its backslash. */
static bool read_escape(Scan *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char c = s->at < s->end ? *s->at : '\0', *known = c ? strchr(from, c) : NULL;
    if (known) {
        *s->out++ = to[known - from];
        s->at++;
        return true;
    }
    const int32_t first = c == 'u' ? hex4(s, s->at + 1) : -1;
    if (first < 0) return fail(s, ROW_FORM, "an escape that JSON does not have");
    s->at += 5;
    if (first < 0xD800 || first > 0xDFFF) {
        put_code_point(s, (uint32_t)first);
        return true;
    }
    const bool paired =
        first < 0xDC00 && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u';
    const int32_t second = paired ? hex4(s, s->at + 2) : -1;
    if (second < 0xDC00 || second > 0xDFFF)
        return replace(s, ROW_SURROGATE, "half of a surrogate pair (--bad skip or replace)");
    s->at += 6;
    put_code_point(s, 0x10000 + ((uint32_t)(first - 0xD800) << 10) + (uint32_t)(second - 0xDC00));
    return true;
}

/* Decodes a string to s->out, from behind its first quote. */
static bool read_string(Scan *s)
{
    while (s->at < s->end && *s->at != '"') {
        const int length = text_utf8_length((const unsigned char *)s->at, (size_t)(s->end - s->at));
        if (length <= 0) {
            if (!replace(s, ROW_UTF8, "a byte that is not UTF-8 (--bad skip or replace)"))
                return false;
            s->at++;
        } else if (*s->at == '\\') {
            s->at++;
            if (!read_escape(s)) return false;
        } else if ((unsigned char)*s->at < 0x20) {
            return fail(s, ROW_FORM, "a control character within a string");
        } else {
            memcpy(s->out, s->at, (size_t)length);
            s->out += length;
            s->at += length;
        }
    }
    if (s->at >= s->end) return fail(s, ROW_FORM, "a string does not end");
    s->at++;
    return true;
}

/* Steps over a number or a literal. Only where it ends matters. */
static bool skip_word(Scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at && !strchr(" \t\r\n,:\"[]{}", *s->at)) s->at++;
    return s->at > from || fail(s, ROW_FORM, "expected a value");
}

/* Steps over an object or an array. */
static bool skip_nested(Scan *s)
{
    unsigned char is_object[DEPTH_MAX];
    int depth = 0;
    do {
        skip_space(s);
        const char c = s->at < s->end ? *s->at : '\0';
        if (!c) return fail(s, ROW_FORM, "an object or an array does not end on its line");
        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX) return fail(s, ROW_FORM, "nested more than 4096 deep");
            is_object[depth++] = c == '{';
        } else if (c == '}' || c == ']') {
            if (is_object[--depth] != (c == '}')) return fail(s, ROW_FORM, "mismatched brackets");
        } else if (c != ',' && c != ':' && c != '"') {
            if (!skip_word(s)) return false;
            continue;
        }
        s->at++;
        if (c == '"' && !skip_string(s)) return false;
    } while (depth);
    return true;
}

static bool read_value(Scan *s, JsonField *f)
{
    skip_space(s);
    const char c = s->at < s->end ? *s->at : '\0';
    if (f && f->is_there) return fail(s, ROW_FORM, "a field occurs twice");
    if (f) *f = (JsonField){f->name, true, c == '"', s->out, 0};
    if (c == '{' || c == '[') return skip_nested(s);
    if (c != '"') return skip_word(s);
    s->at++;
    if (!f) return skip_string(s);
    s->repair = s->row->repair;
    if (!read_string(s)) return false;
    f->size = s->out - f->text;
    return true;
}

/* The wanted field of this name, and the name to the list of keys. */
static JsonField *find_field(JsonRow *r, const char *name, int64_t size)
{
    char shown[48];
    const size_t used = strlen(r->keys);
    snprintf(shown, sizeof shown, "%.*s", (int)(size < 40 ? size : 40), name);
    char safe[4 * sizeof shown];
    text_escape(shown, safe, sizeof safe);
    if (used + strlen(safe) + 8 < sizeof r->keys)
        snprintf(r->keys + used, sizeof r->keys - used, "%s\"%s\"", used ? ", " : "", safe);
    for (JsonField *f = r->field; f < r->field + JSON_ROW_FIELDS; f++)
        if (f->name && (int64_t)strlen(f->name) == size && !memcmp(f->name, name, (size_t)size))
            return f;
    return NULL;
}

static bool read_member(Scan *s)
{
    char *key = s->out;
    if (!take(s, '"'))
        return fail(s, ROW_FORM,
                    s->at < s->end ? "expected the name of a field"
                                   : "the object does not end on its line");
    const bool was_repaired = s->row->repaired;
    s->repair = true; /* what a field is called matters only if it is wanted */
    if (!read_string(s)) return false;
    s->row->repaired = was_repaired;
    JsonField *f = find_field(s->row, key, s->out - key);
    s->out = key;
    return take(s, ':') ? read_value(s, f) : fail(s, ROW_FORM, "expected :");
}

static bool read_object(Scan *s)
{
    if (!take(s, '{')) return fail(s, ROW_FORM, "not a JSON object");
    if (!take(s, '}')) {
        do {
            if (!read_member(s)) return false;
        } while (take(s, ','));
        if (!take(s, '}'))
            return fail(s, ROW_FORM,
                        s->at < s->end ? "expected , or }" : "the object does not end on its line");
    }
    skip_space(s);
    return s->at == s->end || fail(s, ROW_FORM, "more than one JSON object on a line");
}

int64_t json_row_room(int64_t length)
{
    return 3 * length + 4; /* U+FFFD for each byte */
}

bool json_row_read(JsonRow *r, const char *line, int64_t length)
{
    Scan s = {.row = r, .line = line, .at = line, .end = line + length, .out = r->buffer};
    for (JsonField *f = r->field; f < r->field + JSON_ROW_FIELDS; f++)
        f->is_there = f->is_text = false;
    r->repaired = false;
    *r->keys = '\0';
    return read_object(&s);
}

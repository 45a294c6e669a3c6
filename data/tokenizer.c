#include "data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/kind.h"

#define X(name) &tokenizer_kind_##name,
static const TokenizerKind *const kinds[] = {TOKENIZER_LIST(X)};
#undef X

enum { KINDS = sizeof kinds / sizeof *kinds };

static Status read_description(Tokenizer *t, Arena *a, const json_t *description, const char *name)
{
    const char *type = json_string_value(json_object_get(description, "type"));
    if (!type)
        return FAIL(E_DATA, "%s: a tokenizer's description has a \"type\", a text; this has none",
                    name);
    char known[256] = "", shown[64];
    for (int i = 0; i < KINDS; i++) {
        strcat(strcat(known, i ? ", " : ""), kinds[i]->name);
        if (!strcmp(type, kinds[i]->name)) t->kind = kinds[i];
    }
    if (!t->kind)
        return FAIL(E_DATA, "%s: no tokenizer of type \"%s\" is known; there are: %s", name,
                    text_escape(type, shown, sizeof shown), known);
    return t->kind->read(t, a, description, name);
}

Status tokenizer_parse(Arena *a, const char *text, int64_t size, const char *name, Tokenizer **out)
{
    Tokenizer *t = arena_zero(a, sizeof *t);
    char *copy = arena_take(a, size + 1);
    if (!t || !copy) return FAIL(E_NOMEM, "%s: no memory for a tokenizer", name);
    memcpy(copy, text, (size_t)size);
    copy[size] = '\0';
    t->text = copy;
    t->text_size = size;

    json_error_t error;
    json_t *description = json_loadb(copy, (size_t)size, JSON_REJECT_DUPLICATES, &error);
    if (!description) {
        char shown[JSON_ERROR_TEXT_LENGTH * 4];
        return FAIL(E_DATA, "%s:%d:%d: a tokenizer's description is a JSON object: %s", name,
                    error.line, error.column, text_escape(error.text, shown, sizeof shown));
    }
    Status status = read_description(t, a, description, name);
    json_decref(description);
    if (status == OK) *out = t;
    return status;
}

Status tokenizer_byte(Arena *a, Tokenizer **out)
{
    static const char text[] = "{\"type\":\"byte\"}";
    return tokenizer_parse(a, text, sizeof text - 1, "byte", out);
}

Status tokenizer_char(Arena *a, const uint32_t *code_points, int64_t count, Tokenizer **out)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer((json_int_t)code_points[i]));
    json_t *description = json_pack("{s:s, s:o}", "type", "char", "characters", list);
    char *text = description ? json_dumps(description, JSON_COMPACT) : NULL;
    Status status = text ? tokenizer_parse(a, text, (int64_t)strlen(text), "char", out)
                         : FAIL(E_NOMEM, "no memory for a tokenizer");
    free(text);
    json_decref(description);
    return status;
}

const char *tokenizer_text(const Tokenizer *t, int64_t *size)
{
    *size = t->text_size;
    return t->text;
}

const char *tokenizer_kind(const Tokenizer *t)
{
    return t->kind->name;
}

int64_t tokenizer_vocab_size(const Tokenizer *t)
{
    return t->vocab_size;
}

int32_t tokenizer_end_of_text(const Tokenizer *t)
{
    return t->end_of_text;
}

void text_place_advance(TextPlace *p, const char *text, int64_t size)
{
    const char *line = text, *end = text + size;
    for (const char *next; line < end && (next = memchr(line, '\n', (size_t)(end - line)));) {
        line = next + 1;
        p->line++;
        p->column = 0;
    }
    for (const unsigned char *s = (const unsigned char *)line; s < (const unsigned char *)end;) {
        int length = text_utf8_length(s, (size_t)((const unsigned char *)end - s));
        s += length > 0 ? length : 1;
        p->column++;
    }
    p->byte += size;
}

Status tokenizer_encode_at(const Tokenizer *t, const TextPlace *place, const char *text,
                           int64_t size, int32_t *out, int64_t room, int64_t *count)
{
    if (room < size)
        return FAIL(E_ARG, "room for %lld tokens, and %lld bytes to encode", (long long)room,
                    (long long)size);
    return t->kind->encode(t, place, (const unsigned char *)text, size, out, count);
}

Status tokenizer_encode(const Tokenizer *t, const char *text, int64_t size, int32_t *out,
                        int64_t room, int64_t *count)
{
    return tokenizer_encode_at(t, &(TextPlace){0}, text, size, out, room, count);
}

const char *tokenizer_bytes(const Tokenizer *t, int32_t token, int64_t *size)
{
    *size = 0;
    if (token < 0 || token >= t->vocab_size || token == t->end_of_text) return "";
    return t->kind->bytes(t, token, size);
}

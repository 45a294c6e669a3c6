#include "data/tokenizers/normalizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "autograd/base/text.h"
#include "data/tokenizers/huggingface.h"

/* growth: of UTF-8, at most; test_normalizer measures it for each character. */
static const struct {
    const char *type;
    int growth;
    utf8proc_option_t options;
} steps[] = {
    [NORMALIZE_nfc] = {"NFC", 3, UTF8PROC_COMPOSE},
    [NORMALIZE_nfd] = {"NFD", 4, UTF8PROC_DECOMPOSE},
    [NORMALIZE_nfkc] = {"NFKC", 11, UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
    [NORMALIZE_nfkd] = {"NFKD", 11, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
    [NORMALIZE_lowercase] = {"Lowercase", 2, 0},
};

enum { KNOWN = sizeof steps / sizeof *steps };

static Status read_step(Normalizer *n, const json_t *part, const char *name)
{
    char shown[64];
    for (int i = 0; i < KNOWN; i++) {
        if (strcmp(part_type(part), steps[i].type)) continue;
        if (n->count == NORMALIZER_STEPS)
            return PART_FAIL(name, "normalizer", "expected at most %d steps", NORMALIZER_STEPS);
        n->steps[n->count++] = (NormalizerStep)i;
        return OK;
    }
    return PART_FAIL(name, "normalizer",
                     "type %s is not supported; expected NFC, NFD, NFKC, NFKD, Lowercase, or a "
                     "Sequence of them",
                     text_escape(part_type(part), shown, sizeof shown));
}

Status normalizer_read(Normalizer *n, const json_t *part, const char *name)
{
    *n = (Normalizer){0};
    if (!part || json_is_null(part)) return OK;
    if (strcmp(part_type(part), "Sequence")) return read_step(n, part, name);
    const json_t *list = json_object_get(part, "normalizers");
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(read_step(n, json_array_get(list, i), name));
    return OK;
}

int64_t normalizer_room(const Normalizer *n, int64_t size)
{
    for (int i = 0; i < n->count; i++)
        size = size < INT64_MAX / 16 ? size * steps[n->steps[i]].growth : INT64_MAX / 2;
    return size;
}

/* Text that is being written. */
typedef struct Output {
    unsigned char *bytes;
    int64_t used;
} Output;

static void put(Output *o, const unsigned char *bytes, int64_t size)
{
    memcpy(o->bytes + o->used, bytes, (size_t)size);
    o->used += size;
}

static void put_lowercase(Output *o, const unsigned char *text, int64_t size)
{
    for (int64_t i = 0; i < size;) {
        utf8proc_int32_t c;
        i += utf8proc_iterate(text + i, size - i, &c);
        if (c == 0x130)
            put(o, (const unsigned char *)"i\xCC\x87", 3); /* the one with two letters */
        else
            o->used += utf8proc_encode_char(utf8proc_tolower(c), o->bytes + o->used);
    }
}

/* A range of characters that has nothing to do with what is around it. */
static Status put_form(Output *o, NormalizerStep step, const unsigned char *text, int64_t size)
{
    utf8proc_uint8_t *form = NULL;
    const utf8proc_ssize_t count =
        utf8proc_map(text, size, &form, steps[step].options | UTF8PROC_STABLE);
    if (count > 0) put(o, form, count);
    free(form);
    return count < 0 ? FAIL(E_NOMEM, "normalising %lld bytes", (long long)size) : OK;
}

static bool is_ascii(unsigned char c)
{
    return c < 0x80;
}

/* ASCII characters are all starters that join nothing before them, and one can be joined by what
 * follows. */
static Status put_forms(Output *o, NormalizerStep step, const unsigned char *text, int64_t size)
{
    for (int64_t i = 0; i < size;) {
        int64_t begin = i;
        while (begin < size && is_ascii(text[begin])) begin++;
        if (begin == size) {
            put(o, text + i, size - i);
            return OK;
        }
        if (begin > i) begin--;
        put(o, text + i, begin - i);
        int64_t end = begin + 1;
        while (end < size && !is_ascii(text[end])) end++;
        TRY(put_form(o, step, text + begin, end - begin));
        i = end;
    }
    return OK;
}

static Status apply(NormalizerStep step, Output *o, const unsigned char *text, int64_t size)
{
    for (int64_t i = 0, end; i < size; i = end) {
        int length = 1;
        for (end = i; end < size; end += length)
            if ((length = text_utf8_length(text + end, (size_t)(size - end))) < 1) break;
        if (step == NORMALIZE_lowercase)
            put_lowercase(o, text + i, end - i);
        else
            TRY(put_forms(o, step, text + i, end - i));
        if (end < size) put(o, text + end++, 1); /* a byte that is not UTF-8 */
    }
    return OK;
}

static bool is_all_ascii(const unsigned char *text, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        if (!is_ascii(text[i])) return false;
    return true;
}

Status normalizer_apply(const Normalizer *n, Arena *a, const unsigned char *text, int64_t size,
                        const unsigned char **out, int64_t *out_size)
{
    *out = text;
    *out_size = size;
    for (int i = 0; i < n->count; i++) {
        const NormalizerStep step = n->steps[i];
        if (step != NORMALIZE_lowercase && is_all_ascii(*out, *out_size)) continue;
        Output o = {arena_take(a, *out_size * steps[step].growth + 1), 0};
        if (!o.bytes) return FAIL(E_NOMEM, "normalising %lld bytes", (long long)size);
        TRY(apply(step, &o, *out, *out_size));
        *out = o.bytes;
        *out_size = o.used;
    }
    return OK;
}

#include "train/formats/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

int64_t gguf_value_size(uint32_t type)
{
    switch (type) {
#define X(name, number, size) \
    case number: return size;
        GGUF_TYPE_LIST(X)
#undef X
    default: return -1;
    }
}

const GgufPair *gguf_find(const Gguf *g, const char *key)
{
    for (const GgufPair *p = g->pairs; p < g->pairs + g->count; p++)
        if (!strcmp(p->key, key)) return p;
    return NULL;
}

static char *copy_text(Arena *a, const unsigned char *text, int64_t size)
{
    char *copy = arena_take(a, size + 1);
    if (copy && size) memcpy(copy, text, (size_t)size);
    if (copy) copy[size] = '\0';
    return copy;
}

const char *gguf_text(const Gguf *g, const char *key, Arena *a)
{
    const GgufPair *p = gguf_find(g, key);
    return p && p->type == GGUF_text ? copy_text(a, p->value, p->count) : NULL;
}

static bool read_int(GgufType type, const unsigned char *value, int64_t *x)
{
    uint64_t bits = 0;
    const int64_t size = gguf_value_size(type);
    if (type == GGUF_f32 || type == GGUF_f64 || size < 1) return false;
    memcpy(&bits, value, (size_t)size);
    const bool is_signed =
        type == GGUF_i8 || type == GGUF_i16 || type == GGUF_i32 || type == GGUF_i64;
    const int unused = (int)(64 - 8 * size);
    *x = is_signed ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
    return is_signed || *x >= 0;
}

bool gguf_int(const Gguf *g, const char *key, int64_t *value)
{
    const GgufPair *p = gguf_find(g, key);
    return p && read_int(p->type, p->value, value);
}

Status gguf_texts(const Gguf *g, const char *key, Arena *a, const char ***texts, int64_t *count)
{
    const GgufPair *p = gguf_find(g, key);
    *texts = NULL;
    *count = 0;
    if (!p || p->type != GGUF_list || p->item != GGUF_text) return OK;
    *texts = arena_take(a, (p->count + 1) * (int64_t)sizeof **texts);
    if (!*texts) return FAIL(E_NOMEM, "%s: %s", g->name, key);
    const unsigned char *at = p->value;
    for (; *count < p->count; ++*count) {
        uint64_t size;
        memcpy(&size, at, sizeof size);
        if (size && memchr(at + 8, 0, size))
            return FAIL(E_DATA, "%s: %s[%lld] has a zero byte", g->name, key, (long long)*count);
        (*texts)[*count] = copy_text(a, at + 8, (int64_t)size);
        if (!(*texts)[*count]) return FAIL(E_NOMEM, "%s: %s", g->name, key);
        at += 8 + size;
    }
    return OK;
}

/* The shortest text that reads back as the same float: 1e-05, not 9.99999974737875e-06. */
static void float_text(float x, char *out, size_t size)
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(out, size, "%.*g", digits, (double)x);
        if (strtof(out, NULL) == x) return;
    }
}

static bool find(const void *file, const char *key, char *out, size_t size)
{
    const GgufPair *p = gguf_find(file, key);
    float single;
    double number;
    int64_t whole;
    if (!p) return false;
    if (p->type == GGUF_text)
        snprintf(out, size, "%.*s", (int)(p->count < 256 ? p->count : 256), (const char *)p->value);
    else if (p->type == GGUF_list)
        snprintf(out, size, "[...]");
    else if (p->type == GGUF_bool)
        snprintf(out, size, "%s", *p->value ? "true" : "false");
    else if (p->type == GGUF_f32)
        float_text((memcpy(&single, p->value, sizeof single), single), out, size);
    else if (p->type == GGUF_f64)
        text_real((memcpy(&number, p->value, sizeof number), number), out);
    else if (read_int(p->type, p->value, &whole))
        snprintf(out, size, "%lld", (long long)whole);
    else
        snprintf(out, size, "18446744073709551615");
    return true;
}

static bool has_tensor(const void *file, const char *name)
{
    const Weights *w = ((const Gguf *)file)->weights;
    for (int64_t i = 0; i < w->count; i++)
        if (!strcmp(w->list[i].name, name)) return true;
    return false;
}

KindKeys gguf_keys(const Gguf *g)
{
    return (KindKeys){MODEL_gguf, g->name, g, find, has_tensor};
}

#include "train/formats/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

enum { NAME_MAX_SIZE = 65535 };

/* What is left of the file. */
typedef struct Cursor {
    const char *name;
    const unsigned char *bytes;
    int64_t at, size;
    int64_t version;
} Cursor;

static Status take(Cursor *c, int64_t size, const unsigned char **out)
{
    if (size < 0 || size > c->size - c->at)
        return FAIL(E_DATA, "%s: truncated: %lld bytes are missing at byte %lld", c->name,
                    (long long)(size - (c->size - c->at)), (long long)c->at);
    *out = c->bytes + c->at;
    c->at += size;
    return OK;
}

static Status take_u32(Cursor *c, uint32_t *x)
{
    const unsigned char *at = NULL;
    TRY(take(c, sizeof *x, &at));
    memcpy(x, at, sizeof *x);
    return OK;
}

static Status take_u64(Cursor *c, uint64_t *x)
{
    const unsigned char *at = NULL;
    TRY(take(c, sizeof *x, &at));
    memcpy(x, at, sizeof *x);
    return OK;
}

static Status take_text(Cursor *c, const unsigned char **text, int64_t *size)
{
    uint64_t length = 0;
    TRY(take_u64(c, &length));
    if (length > (uint64_t)c->size)
        return FAIL(E_DATA, "%s: a text at byte %lld would have %llu bytes", c->name,
                    (long long)c->at, (unsigned long long)length);
    *size = (int64_t)length;
    return take(c, *size, text);
}

/* A key, or a tensor's name. */
static Status take_name(Cursor *c, Arena *a, const char **name)
{
    const unsigned char *text = NULL;
    int64_t size = 0;
    TRY(take_text(c, &text, &size));
    if (!size || size > NAME_MAX_SIZE || memchr(text, 0, (size_t)size))
        return FAIL(E_DATA, "%s: a name before byte %lld is empty, too long or not a text", c->name,
                    (long long)c->at);
    char *copy = arena_take(a, size + 1);
    if (!copy) return FAIL(E_NOMEM, "%s: names", c->name);
    memcpy(copy, text, (size_t)size);
    copy[size] = '\0';
    *name = copy;
    return OK;
}

static Status take_list(Cursor *c, GgufPair *p)
{
    uint32_t item = 0;
    uint64_t count = 0;
    const unsigned char *text;
    int64_t size, length;
    TRY(take_u32(c, &item));
    TRY(take_u64(c, &count));
    size = gguf_value_size(item);
    if (size < 0 || item == GGUF_list)
        return FAIL(E_DATA, "%s: %s: a list of type %u is not supported", c->name, p->key, item);
    if (count > (uint64_t)c->size)
        return FAIL(E_DATA, "%s: %s: a list of %llu items does not fit in the file", c->name,
                    p->key, (unsigned long long)count);
    p->item = (GgufType)item;
    p->count = (int64_t)count;
    p->value = c->bytes + c->at;
    if (size) return take(c, size * p->count, &text);
    for (uint64_t i = 0; i < count; i++) TRY(take_text(c, &text, &length));
    return OK;
}

static Status take_value(Cursor *c, GgufPair *p)
{
    uint32_t type = 0;
    TRY(take_u32(c, &type));
    p->type = (GgufType)type;
    if (gguf_value_size(type) < 0)
        return FAIL(E_DATA, "%s: %s: there is no type %u", c->name, p->key, type);
    if (type == GGUF_list) return take_list(c, p);
    if (type == GGUF_text) return take_text(c, &p->value, &p->count);
    return take(c, gguf_value_size(type), &p->value);
}

static Status read_pairs(Cursor *c, Weights *w, Gguf *g, uint64_t count)
{
    char shown[128];
    if (count > GGUF_PAIRS_MAX)
        return FAIL(E_DATA, "%s: %llu pairs; expected at most %d", c->name,
                    (unsigned long long)count, GGUF_PAIRS_MAX);
    g->pairs = arena_zero(&w->arena, (int64_t)(count + 1) * (int64_t)sizeof *g->pairs);
    if (!g->pairs) return FAIL(E_NOMEM, "%s: pairs", c->name);
    for (uint64_t i = 0; i < count; i++) {
        GgufPair *p = &g->pairs[i];
        TRY(take_name(c, &w->arena, &p->key));
        p->key = arena_text(&w->arena, text_escape(p->key, shown, sizeof shown));
        if (!p->key) return FAIL(E_NOMEM, "%s: pairs", c->name);
        if (gguf_find(g, p->key)) return FAIL(E_DATA, "%s: %s is there twice", c->name, p->key);
        TRY(take_value(c, p));
        g->count++;
    }
    return OK;
}

/* Types that are not read, for messages. */
static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
        [0] = "F32",     [1] = "F16",   [2] = "Q4_0",  [3] = "Q4_1",  [6] = "Q5_0",
        [7] = "Q5_1",    [8] = "Q8_0",  [9] = "Q8_1",  [10] = "Q2_K", [11] = "Q3_K",
        [12] = "Q4_K",   [13] = "Q5_K", [14] = "Q6_K", [15] = "Q8_K", [20] = "IQ4_NL",
        [23] = "IQ4_XS", [24] = "I8",   [25] = "I16",  [26] = "I32",  [27] = "I64",
        [28] = "F64",    [30] = "BF16", [39] = "MXFP4"};
    const char *name = type < sizeof names / sizeof *names ? names[type] : NULL;
    return name ? name : "of another quantization";
}

static Status read_shape(Cursor *c, const char *shown, Shape *s)
{
    uint32_t rank = 0;
    uint64_t dim = 0;
    int64_t count = 1;
    TRY(take_u32(c, &rank));
    if (!rank || rank > RANK_MAX)
        return FAIL(E_DATA, "%s: %s: %u dimensions; expected 1 to %d", c->name, shown, rank,
                    RANK_MAX);
    s->rank = (int)rank;
    for (int i = (int)rank - 1; i >= 0; i--) {
        TRY(take_u64(c, &dim));
        if (!dim || dim > INT64_MAX || __builtin_mul_overflow(count, (int64_t)dim, &count))
            return FAIL(E_DATA, "%s: %s: impossible dimensions", c->name, shown);
        s->dim[i] = (int64_t)dim;
    }
    /* Bytes can be counted as well. */
    if (count > INT64_MAX / 64)
        return FAIL(E_DATA, "%s: %s: impossible dimensions", c->name, shown);
    return OK;
}

/* size is the tensor's offset for now: the data begin after the last of them. */
static Status read_tensor(Cursor *c, Weights *w)
{
    char shown[128];
    Weight one = {.path = c->name, .file = {c->bytes, c->size}};
    uint32_t type = 0;
    uint64_t offset = 0;
    TRY(take_name(c, &w->arena, &one.name));
    text_escape(one.name, shown, sizeof shown);
    TRY(read_shape(c, shown, &one.shape));
    TRY(take_u32(c, &type));
    TRY(take_u64(c, &offset));
    one.dtype = dtype_of_ggml(type);
    one.dtype_text = type_name(type);
    if (one.dtype != DTYPE_unknown && shape_last(one.shape) % dtype_block(one.dtype))
        return FAIL(E_DATA, "%s: %s: rows of %lld numbers cannot be %s", c->name, shown,
                    (long long)shape_last(one.shape), one.dtype_text);
    if (offset > (uint64_t)c->size)
        return FAIL(E_DATA, "%s: %s: its offset %llu is beyond the file", c->name, shown,
                    (unsigned long long)offset);
    one.size = (int64_t)offset;
    return weights_add(w, &one);
}

static Status place(const Cursor *c, int64_t begin, int64_t alignment, Weight *one)
{
    char shown[128];
    const int64_t offset = one->size;
    text_escape(one->name, shown, sizeof shown);
    one->size = one->dtype == DTYPE_unknown ? 0 : dtype_size(one->dtype, shape_count(one->shape));
    if (offset % alignment)
        return FAIL(E_DATA, "%s: %s: its offset %lld is no multiple of %lld", c->name, shown,
                    (long long)offset, (long long)alignment);
    if (begin > c->size || offset > c->size - begin || one->size > c->size - begin - offset)
        return FAIL(E_DATA, "%s: truncated: %s would end %lld bytes beyond the file", c->name,
                    shown, (long long)(begin + offset + one->size - c->size));
    one->data = c->bytes + begin + offset;
    return OK;
}

static Status read_alignment(const Gguf *g, int64_t *alignment)
{
    *alignment = GGUF_ALIGNMENT;
    gguf_int(g, "general.alignment", alignment);
    if (*alignment >= 1 && *alignment <= 1 << 16 && !(*alignment & (*alignment - 1))) return OK;
    return FAIL(E_DATA, "%s: general.alignment = %lld; expected a power of two up to 65536",
                g->name, (long long)*alignment);
}

static Status read_tensors(Cursor *c, Weights *w, const Gguf *g, uint64_t count)
{
    const int64_t first = w->count;
    int64_t alignment;
    if (count > GGUF_TENSORS_MAX)
        return FAIL(E_DATA, "%s: %llu tensors; expected at most %d", c->name,
                    (unsigned long long)count, GGUF_TENSORS_MAX);
    for (uint64_t i = 0; i < count; i++) TRY(read_tensor(c, w));
    TRY(read_alignment(g, &alignment));
    const int64_t begin = (c->at + alignment - 1) / alignment * alignment;
    for (int64_t i = first; i < w->count; i++) TRY(place(c, begin, alignment, &w->list[i]));
    return weights_check_overlap(w, first);
}

static Status check_version(const Cursor *c, uint32_t version)
{
    if (version == 2 || version == GGUF_VERSION) return OK;
    if (version == 2u << 24 || version == (uint32_t)GGUF_VERSION << 24)
        return FAIL(E_DATA, "%s: a big-endian GGUF file is not supported", c->name);
    return FAIL(E_DATA, "%s: GGUF version %u is not supported; expected 2 or 3", c->name, version);
}

bool gguf_recognizes(const unsigned char *bytes, int64_t size)
{
    return size >= 4 && !memcmp(bytes, "GGUF", 4);
}

Status gguf_read(Weights *w, const char *path, Gguf *g)
{
    Mapping m;
    Cursor c = {.at = 4};
    uint32_t version = 0;
    uint64_t tensors = 0, pairs = 0;
    TRY(weights_map(w, path, &c.name, &m));
    c.bytes = m.bytes;
    c.size = m.size;
    *g = (Gguf){.weights = w, .name = c.name};
    if (!gguf_recognizes(m.bytes, m.size)) return FAIL(E_DATA, "%s: not a GGUF file", c.name);
    TRY(take_u32(&c, &version));
    TRY(check_version(&c, version));
    TRY(take_u64(&c, &tensors));
    TRY(take_u64(&c, &pairs));
    TRY(read_pairs(&c, w, g, pairs));
    return read_tensors(&c, w, g, tensors);
}

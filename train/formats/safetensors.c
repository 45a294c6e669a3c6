#include "train/formats/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

typedef struct File {
    Weights *weights;
    const char *name; /* escaped */
    Mapping mapping;
    const unsigned char *data;
    int64_t size; /* of the data */
    char shown[128];
} File;

/* Sizes of the types that files have; of the others nothing is known. */
static int64_t type_size(const char *dtype)
{
    static const struct {
        const char *name;
        int64_t size;
    } types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                 {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U64", 8},  {"U32", 4},
                 {"U16", 2}, {"U8", 1},  {"BOOL", 1}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, dtype)) return types[i].size;
    return 0;
}

static bool is_count(const json_t *number)
{
    return json_is_integer(number) && json_integer_value(number) >= 0;
}

static Status read_shape(const File *f, const json_t *list, Weight *w)
{
    const size_t rank = json_array_size(list);
    int64_t count = 1;
    if (!json_is_array(list))
        return FAIL(E_DATA, "%s: %s: expected a list \"shape\"", f->name, f->shown);
    if (rank > RANK_MAX)
        return FAIL(E_DATA, "%s: %s: %zu dimensions; expected at most %d", f->name, f->shown, rank,
                    RANK_MAX);
    w->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(list, i);
        if (!is_count(dim) || __builtin_mul_overflow(count, json_integer_value(dim), &count))
            return FAIL(E_DATA, "%s: %s: impossible dimensions", f->name, f->shown);
        w->shape.dim[i] = json_integer_value(dim);
    }
    return OK;
}

static Status read_place(const File *f, const json_t *list, Weight *w)
{
    const json_t *begin = json_array_get(list, 0), *end = json_array_get(list, 1);
    const json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (json_array_size(list) != 2 || !is_count(begin) || !is_count(end) || from > to)
        return FAIL(E_DATA, "%s: %s: expected \"data_offsets\": [begin, end]", f->name, f->shown);
    if (to > f->size)
        return FAIL(E_DATA,
                    "%s: %s: ends at byte %lld of the data, but there are only %lld: the file is "
                    "truncated",
                    f->name, f->shown, (long long)to, (long long)f->size);
    w->data = f->data + from;
    w->size = to - from;
    return OK;
}

static Status add(File *f, const char *name, const json_t *entry)
{
    Weight w = {.name = name, .path = f->name, .file = f->mapping};
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    int64_t bytes;
    text_escape(name, f->shown, sizeof f->shown);
    if (!dtype || !type_size(dtype))
        return FAIL(E_DATA, "%s: %s: the \"dtype\" is none of F32, F16, BF16 and integers", f->name,
                    f->shown);
    w.dtype = dtype_of_safetensors(dtype);
    w.dtype_text = arena_text(&f->weights->arena, dtype);
    if (!w.dtype_text) return FAIL(E_NOMEM, "%s", f->name);
    TRY(read_shape(f, json_object_get(entry, "shape"), &w));
    TRY(read_place(f, json_object_get(entry, "data_offsets"), &w));
    if (__builtin_mul_overflow(shape_count(w.shape), type_size(dtype), &bytes) || bytes != w.size)
        return FAIL(E_DATA, "%s: %s: %s of type %s does not take %lld bytes", f->name, f->shown,
                    shape_text(w.shape), dtype, (long long)w.size);
    return weights_add(f->weights, &w);
}

/* Tensors follow one another: overlapping ones could hide what is loaded, gaps what is not. */
static Status check_places(File *f, int64_t first)
{
    const Weights *w = f->weights;
    const unsigned char *end = f->data;
    TRY(weights_check_overlap(f->weights, first));
    for (int64_t i = first; i < w->count; i++) {
        if (w->list[i].data > end)
            return FAIL(E_DATA, "%s: %s: bytes before it belong to no tensor", f->name,
                        text_escape(w->list[i].name, f->shown, sizeof f->shown));
        end = w->list[i].data + w->list[i].size;
    }
    if (end != f->data + f->size)
        return FAIL(E_DATA, "%s: the last %lld bytes belong to no tensor", f->name,
                    (long long)(f->data + f->size - end));
    return OK;
}

static Status add_all(File *f, const json_t *header)
{
    const int64_t first = f->weights->count;
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)header, name, entry) if (strcmp(name, "__metadata__"))
        TRY(add(f, name, entry));
    return check_places(f, first);
}

static Status read_header(File *f, const char *text, int64_t size)
{
    json_error_t error;
    char shown[128];
    json_t *header = json_loadb(text, (size_t)size, JSON_REJECT_DUPLICATES, &error);
    if (!header)
        return FAIL(E_DATA, "%s: the header is not JSON: %s", f->name,
                    text_escape(error.text, shown, sizeof shown));
    const Status status = json_is_object(header)
                              ? add_all(f, header)
                              : FAIL(E_DATA, "%s: the header is not an object", f->name);
    json_decref(header);
    return status;
}

bool safetensors_recognizes(const unsigned char *bytes, int64_t size)
{
    return size > 8 && bytes[8] == '{' && !bytes[5] && !bytes[6] && !bytes[7];
}

Status safetensors_read(Weights *w, const char *path)
{
    Mapping m;
    File f = {.weights = w};
    uint64_t size;
    TRY(weights_map(w, path, &f.name, &m));
    if (m.size < (int64_t)sizeof size)
        return FAIL(E_DATA, "%s: truncated: %lld bytes", f.name, (long long)m.size);
    memcpy(&size, m.bytes, sizeof size);
    const uint64_t left = (uint64_t)m.size - sizeof size;
    if (size > SAFETENSORS_HEADER_MAX)
        return FAIL(E_DATA,
                    "%s: not a safetensors file: its header would have %llu bytes; expected at "
                    "most %d",
                    f.name, (unsigned long long)size, SAFETENSORS_HEADER_MAX);
    if (size > left)
        return FAIL(E_DATA, "%s: truncated: its header has %llu bytes, the file %lld", f.name,
                    (unsigned long long)size, (long long)m.size);
    f.mapping = m;
    f.data = m.bytes + sizeof size + size;
    f.size = (int64_t)(left - size);
    return read_header(&f, (const char *)m.bytes + sizeof size, (int64_t)size);
}

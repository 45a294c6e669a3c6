#include "train/formats/gguf_write.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

Status gguf_open(GgufWriter *w)
{
    *w = (GgufWriter){0};
    w->out = open_memstream(&w->text, &w->size);
    return w->out ? OK : FAIL(E_NOMEM, "a GGUF header");
}

void gguf_close(GgufWriter *w)
{
    if (w->out) fclose(w->out);
    free(w->text);
    *w = (GgufWriter){0};
}

static void put(GgufWriter *w, const void *bytes, size_t size)
{
    fwrite(bytes, 1, size, w->out);
}

static void put_u32(GgufWriter *w, uint32_t x)
{
    put(w, &x, sizeof x);
}

static void put_u64(GgufWriter *w, uint64_t x)
{
    put(w, &x, sizeof x);
}

static void put_text(GgufWriter *w, const char *text)
{
    put_u64(w, strlen(text));
    put(w, text, strlen(text));
}

static void put_key(GgufWriter *w, const char *key, GgufType type)
{
    put_text(w, key);
    put_u32(w, type);
    w->pairs++;
}

void gguf_put_u32(GgufWriter *w, const char *key, int64_t value)
{
    put_key(w, key, GGUF_u32);
    put_u32(w, (uint32_t)value);
}

void gguf_put_u64(GgufWriter *w, const char *key, int64_t value)
{
    put_key(w, key, GGUF_u64);
    put_u64(w, (uint64_t)value);
}

void gguf_put_f32(GgufWriter *w, const char *key, double value)
{
    const float x = (float)value;
    put_key(w, key, GGUF_f32);
    put(w, &x, sizeof x);
}

void gguf_put_bool(GgufWriter *w, const char *key, bool value)
{
    const unsigned char x = value;
    put_key(w, key, GGUF_bool);
    put(w, &x, sizeof x);
}

void gguf_put_text(GgufWriter *w, const char *key, const char *value)
{
    put_key(w, key, GGUF_text);
    put_text(w, value);
}

static void put_list(GgufWriter *w, const char *key, GgufType type, int64_t count)
{
    put_key(w, key, GGUF_list);
    put_u32(w, type);
    put_u64(w, (uint64_t)count);
}

void gguf_put_texts(GgufWriter *w, const char *key, const char *const values[], int64_t count)
{
    put_list(w, key, GGUF_text, count);
    for (int64_t i = 0; i < count; i++) put_text(w, values[i]);
}

void gguf_put_i32s(GgufWriter *w, const char *key, const int32_t values[], int64_t count)
{
    put_list(w, key, GGUF_i32, count);
    put(w, values, (size_t)count * sizeof *values);
}

void gguf_put_f32s(GgufWriter *w, const char *key, const float values[], int64_t count)
{
    put_list(w, key, GGUF_f32, count);
    put(w, values, (size_t)count * sizeof *values);
}

int64_t gguf_padding(int64_t size)
{
    return (GGUF_ALIGNMENT - size % GGUF_ALIGNMENT) % GGUF_ALIGNMENT;
}

void gguf_put_tensor(GgufWriter *w, const char *name, Shape shape, Dtype dtype)
{
    const int64_t size = dtype_size(dtype, shape_count(shape));
    put_text(w, name);
    put_u32(w, (uint32_t)shape.rank);
    for (int i = shape.rank - 1; i >= 0; i--) put_u64(w, (uint64_t)shape.dim[i]);
    put_u32(w, (uint32_t)dtype_ggml(dtype));
    put_u64(w, (uint64_t)w->data);
    w->data += size + gguf_padding(size);
    w->tensors++;
}

Status gguf_finish(GgufWriter *w, unsigned char header[24])
{
    const uint32_t version = GGUF_VERSION;
    FILE *out = w->out;
    w->out = NULL;
    if (!text_close(out, &w->text)) return FAIL(E_NOMEM, "a GGUF header");
    memcpy(header, "GGUF", 4);
    memcpy(header + 4, &version, 4);
    memcpy(header + 8, &w->tensors, 8);
    memcpy(header + 16, &w->pairs, 8);
    return OK;
}

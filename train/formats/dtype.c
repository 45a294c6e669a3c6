#include "train/formats/dtype.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "autograd/kernels/bf16.h"
#include "autograd/kernels/half.h"
#include "autograd/kernels/q8.h"

static const struct Row {
    const char *name;
    int64_t block, bytes;
    const char *safetensors;
    int ggml, file;
} rows[] = {
#define X(name, block, bytes, safetensors, ggml, file) \
    {#name, block, bytes, safetensors, ggml, file},
    DTYPE_LIST(X)
#undef X
};

const char *dtype_name(Dtype d)
{
    return rows[d].name;
}

const char *dtype_safetensors(Dtype d)
{
    return rows[d].safetensors;
}

int dtype_ggml(Dtype d)
{
    return rows[d].ggml;
}

int dtype_file_type(Dtype d)
{
    return rows[d].file;
}

int64_t dtype_block(Dtype d)
{
    return rows[d].block;
}

int64_t dtype_size(Dtype d, int64_t count)
{
    return count / rows[d].block * rows[d].bytes;
}

Dtype dtype_of_name(const char *name)
{
    int d = 0;
    while (d < DTYPE_COUNT && strcasecmp(rows[d].name, name)) d++;
    return (Dtype)d;
}

Dtype dtype_of_safetensors(const char *name)
{
    int d = 0;
    while (d < DTYPE_COUNT && !(rows[d].safetensors && !strcmp(rows[d].safetensors, name))) d++;
    return (Dtype)d;
}

Dtype dtype_of_ggml(int64_t number)
{
    int d = 0;
    while (d < DTYPE_COUNT && rows[d].ggml != number) d++;
    return (Dtype)d;
}

static void read_f32(const unsigned char *bytes, real *to, int64_t count)
{
    if (sizeof(real) == sizeof(float)) {
        memcpy(to, bytes, (size_t)count * sizeof *to);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        float x;
        memcpy(&x, bytes + i * 4, sizeof x);
        to[i] = x;
    }
}

static uint16_t read_u16(const unsigned char *bytes)
{
    uint16_t x;
    memcpy(&x, bytes, sizeof x);
    return x;
}

static void read_q8_0(const unsigned char *bytes, real *to, int64_t count)
{
    for (int64_t i = 0; i < count; i += 32, bytes += 34) {
        const float scale = half_float(read_u16(bytes));
        for (int k = 0; k < 32; k++) to[i + k] = (real)(scale * (float)(int8_t)bytes[2 + k]);
    }
}

void dtype_read(Dtype d, const unsigned char *bytes, real *to, int64_t count)
{
    switch (d) {
    case DTYPE_f32: read_f32(bytes, to, count); break;
    case DTYPE_f16:
        for (int64_t i = 0; i < count; i++) to[i] = half_float(read_u16(bytes + 2 * i));
        break;
    case DTYPE_bf16:
        for (int64_t i = 0; i < count; i++) to[i] = bf16_real(read_u16(bytes + 2 * i));
        break;
    case DTYPE_q8_0: read_q8_0(bytes, to, count); break;
    case DTYPE_unknown: break;
    }
}

/* Returns the largest magnitude; infinity if a number is not finite, with its index. */
static float largest(const real *from, int64_t count, int64_t *at)
{
    float most = 0;
    for (int64_t i = 0; i < count; i++) {
        const float size = fabsf((float)from[i]);
        if (!isfinite(size)) {
            *at = i;
            return INFINITY;
        }
        if (size > most) {
            most = size;
            *at = i;
        }
    }
    return most;
}

static bool write_q8_0(const real *from, unsigned char *bytes, int64_t count, int64_t *at)
{
    for (int64_t i = 0; i < count; i += Q8_LENGTH, bytes += 2 + Q8_LENGTH) {
        uint16_t scale;
        const bool fits = q8_round(from + i, Q8_LENGTH, &scale, (int8_t *)bytes + 2, at);
        *at += i;
        if (!fits) return false;
        memcpy(bytes, &scale, sizeof scale);
    }
    return true;
}

bool dtype_write(Dtype d, const real *from, unsigned char *bytes, int64_t count, int64_t *at)
{
    static const float limits[] = {
        [DTYPE_f32] = INFINITY, [DTYPE_f16] = 65520, [DTYPE_bf16] = 0x1.ffp127F};
    *at = 0;
    if (d == DTYPE_q8_0) return write_q8_0(from, bytes, count, at);
    if (!(largest(from, count, at) < limits[d])) return false;
    for (int64_t i = 0; i < count; i++) {
        const float x = (float)from[i];
        const uint16_t half = d == DTYPE_f16 ? half_of(x) : d == DTYPE_bf16 ? bf16_of(from[i]) : 0;
        if (d == DTYPE_f32)
            memcpy(bytes + 4 * i, &x, sizeof x);
        else
            memcpy(bytes + 2 * i, &half, sizeof half);
    }
    return true;
}

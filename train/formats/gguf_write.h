/* Writes GGUF files, version 3: the format of llama.cpp.
 *
 *     "GGUF", u32 3, u64 number of tensors, u64 number of pairs
 *     pairs       key, u32 type, value; a text is u64 length, bytes; a list is u32 type, u64 count, items
 *     tensors     name, u32 dimensions, u64 each, the innermost first; u32 type, u64 offset in data
 *     data        each tensor begins at a multiple of 32 bytes */
#ifndef TRAIN_FORMATS_GGUF_WRITE_H
#define TRAIN_FORMATS_GGUF_WRITE_H

#include <stdio.h>

#include "autograd/base/error.h"
#include "train/formats/dtype.h"

enum { GGUF_VERSION = 3, GGUF_ALIGNMENT = 32 };

/* clang-format off */
/* X(name, number, bytes of a value; 0: they vary) */
#define GGUF_TYPE_LIST(X) \
    X(u8, 0, 1) X(i8, 1, 1) X(u16, 2, 2) X(i16, 3, 2) X(u32, 4, 4) X(i32, 5, 4) X(f32, 6, 4) \
    X(bool, 7, 1) X(text, 8, 0) X(list, 9, 0) X(u64, 10, 8) X(i64, 11, 8) X(f64, 12, 8)
/* clang-format on */

#define X(name, number, size) GGUF_##name = number,
typedef enum GgufType { GGUF_TYPE_LIST(X) } GgufType;
#undef X

/* The part before the data, in memory. */
typedef struct GgufWriter {
    FILE *out;
    char *text; /* of pairs and tensors, after gguf_finish() */
    size_t size;
    uint64_t pairs, tensors;
    int64_t data; /* bytes of the tensors so far, with padding */
} GgufWriter;

Status gguf_open(GgufWriter *w); /* E_NOMEM; close in any case */
void gguf_close(GgufWriter *w);

/* All pairs first, then all tensors. Keys and texts end with a zero byte, which is not written. */
void gguf_put_u32(GgufWriter *w, const char *key, int64_t value);
void gguf_put_u64(GgufWriter *w, const char *key, int64_t value);
void gguf_put_f32(GgufWriter *w, const char *key, double value);
void gguf_put_bool(GgufWriter *w, const char *key, bool value);
void gguf_put_text(GgufWriter *w, const char *key, const char *value);
void gguf_put_texts(GgufWriter *w, const char *key, const char *const values[], int64_t count);
void gguf_put_i32s(GgufWriter *w, const char *key, const int32_t values[], int64_t count);
void gguf_put_f32s(GgufWriter *w, const char *key, const float values[], int64_t count);

/* The next tensor's data follow the last one's, padded. */
void gguf_put_tensor(GgufWriter *w, const char *name, Shape shape, Dtype dtype);

/* Bytes from a size to the next multiple of GGUF_ALIGNMENT. */
int64_t gguf_padding(int64_t size);

/* The whole part before the data: header [24] and text. E_NOMEM. */
Status gguf_finish(GgufWriter *w, unsigned char header[24]);

#endif

/* Number types of model files: conversion to and from real. */
#ifndef TRAIN_FORMATS_DTYPE_H
#define TRAIN_FORMATS_DTYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/tensor.h"

/* X(name, block, bytes, safetensors, ggml, GGUF file type): `block` numbers take `bytes` bytes; the
 * name in a safetensors header, NULL: it has none; the numbers of the type and of
 * general.file_type in GGUF.
 *
 * q8_0, of llama.cpp: 32 numbers of a row are a float16 scale d = max |x| / 127, then round(x / d)
 * as int8. */
#define DTYPE_LIST(X)             \
    X(f32, 1, 4, "F32", 0, 0)     \
    X(f16, 1, 2, "F16", 1, 1)     \
    X(bf16, 1, 2, "BF16", 30, 32) \
    X(q8_0, 32, 34, NULL, 8, 7)

#define X(name, block, bytes, safetensors, ggml, file) DTYPE_##name,
typedef enum Dtype { DTYPE_LIST(X) DTYPE_COUNT, DTYPE_unknown = DTYPE_COUNT } Dtype;
#undef X

const char *dtype_name(Dtype d); /* "f32" */
const char *dtype_safetensors(Dtype d);
int dtype_ggml(Dtype d);
int dtype_file_type(Dtype d);
int64_t dtype_block(Dtype d);

/* DTYPE_unknown: none of this name or number. */
Dtype dtype_of_name(const char *name);
Dtype dtype_of_safetensors(const char *name);
Dtype dtype_of_ggml(int64_t number);

/* Bytes of `count` numbers, a multiple of the block. */
int64_t dtype_size(Dtype d, int64_t count);

/* Converts count numbers, a multiple of the block. bytes: little-endian, not aligned. */
void dtype_read(Dtype d, const unsigned char *bytes, real *to, int64_t count);

/* Rounds to nearest, ties to even. False: a number, the index of which is *at, is not finite or too
 * large for the type. */
bool dtype_write(Dtype d, const real *from, unsigned char *bytes, int64_t count, int64_t *at);

#endif

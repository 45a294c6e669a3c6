/* Products of few rows, as decoding makes them: what counts is that the weights, read once, come as fast as
 * memory gives them.
 *
 * Each number of the result is one sum, in an order that depends on k alone: neither threads, nor how many
 * rows there are, nor which of them it is change its bits. So a row comes out alone as among others. BLAS
 * (OpenBLAS 0.3.21, one row) reads 7 to 20 GB/s where the memory gives 35 to 60. */
#ifndef AUTOGRAD_KERNELS_SKINNY_GEMM_H
#define AUTOGRAD_KERNELS_SKINNY_GEMM_H

#include "autograd/kernels/bf16.h"
#include "autograd/tensor.h"

/* Up to so many rows this is faster than gemm(), which packs the weights first. */
enum { SKINNY_GEMM_ROWS = 32 };

typedef struct SkinnyGemm {
    int64_t rows, width, k;
    const real *x;        /* [rows, k] */
    const real *w;        /* [width, k] */
    const bf16 *w_bf16;   /* in its place, if it is there */
    const real *b;        /* [width]; NULL: none */
    const real *residual; /* [rows, width]; NULL: none */
    real *y;              /* [rows, width] = x w^T + b + residual */
} SkinnyGemm;

void skinny_gemm(const SkinnyGemm *f);

/* Columns [begin, end) of y: one version for each instruction set. */
typedef void SkinnyGemmColumns(const SkinnyGemm *f, int64_t begin, int64_t end);
SkinnyGemmColumns skinny_gemm_columns_plain, skinny_gemm_columns_avx2, skinny_gemm_columns_avx512;

#endif

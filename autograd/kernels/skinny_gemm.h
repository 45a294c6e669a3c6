/* Products with few rows (skinny GEMM), as in decoding: the weights are read once, at memory
 * bandwidth.
 *
 * Each number of the result is one sum, in an order that depends on k alone. Neither the number of
 * threads, nor the number of rows, nor a row's index changes its bits: a row gives the same result
 * alone as among others. */
#ifndef AUTOGRAD_KERNELS_SKINNY_GEMM_H
#define AUTOGRAD_KERNELS_SKINNY_GEMM_H

#include "autograd/kernels/bf16.h"
#include "autograd/kernels/q8.h"
#include "autograd/tensor.h"

/* Up to this many rows it is faster than gemm(), which packs the weights first. */
enum { SKINNY_GEMM_ROWS = 32 };

typedef struct SkinnyGemm {
    int64_t rows, width, k;
    const real *x;        /* [rows, k] */
    const real *w;        /* [width, k] */
    const bf16 *w_bf16;   /* read instead of w unless NULL */
    const Q8Block *w_q8;  /* read instead of both unless NULL: see q8_pack() */
    const real *b;        /* [width]; NULL: none */
    const real *residual; /* [rows, width]; NULL: none */
    real *y;              /* [rows, width] = x w^T + b + residual */
} SkinnyGemm;

void skinny_gemm(const SkinnyGemm *f);

/* Columns [begin, end) of y, with w_q8 whole panels of them: one version for each instruction set. */
typedef void SkinnyGemmColumns(const SkinnyGemm *f, int64_t begin, int64_t end);
SkinnyGemmColumns skinny_gemm_columns_plain, skinny_gemm_columns_avx2, skinny_gemm_columns_avx512;

#endif

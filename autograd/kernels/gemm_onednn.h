/* Inside gemm: bfloat16 products by oneDNN. */
#ifndef AUTOGRAD_KERNELS_GEMM_ONEDNN_H
#define AUTOGRAD_KERNELS_GEMM_ONEDNN_H

#include "autograd/kernels/gemm.h"

/* Computes one block, on the calling thread; only if gemm_bf16_missing() is NULL. Each thread
 * caches a few compiled products, by shape. */
void gemm_onednn(const GemmBf16 *p);

/* As gemm_bf16_reserve(). */
Status gemm_onednn_reserve(int threads);

const char *gemm_onednn_missing(void);
const char *gemm_onednn_core(void);

#endif

/* Inside gemm: bfloat16 products by oneDNN. */
#ifndef AUTOGRAD_KERNELS_GEMM_ONEDNN_H
#define AUTOGRAD_KERNELS_GEMM_ONEDNN_H

#include "autograd/kernels/gemm.h"

/* One block, on the thread that calls. Only where nothing is missing. Keeps a plan for each shape
 * it has met, a few of them a thread. */
void gemm_onednn(const GemmBf16 *p);

const char *gemm_onednn_missing(void);
const char *gemm_onednn_core(void);

#endif

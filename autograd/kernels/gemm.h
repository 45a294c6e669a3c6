/* Matrix products: the one door to BLAS.
 *
 * BLAS runs single-threaded on blocks whose size depends on the shape alone; threads take blocks. So the
 * bits of a product do not depend on the number of threads. */
#ifndef AUTOGRAD_KERNELS_GEMM_H
#define AUTOGRAD_KERNELS_GEMM_H

#include "autograd/tensor.h"

typedef enum GemmOp { GEMM_NN, GEMM_NT, GEMM_TN } GemmOp; /* which of a, b is given transposed */

/* c [m, n] = op(a) [m, k] * op(b) [k, n], or c += if add. Row-major; lda, ldb, ldc: numbers from one row
 * to the next as stored (so a is [k, m] in memory for GEMM_TN, b [n, k] for GEMM_NT). */
void gemm(GemmOp op, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b,
          int64_t ldb, real *c, int64_t ldc, bool add);

const char *gemm_core(void); /* the kernel that OpenBLAS chose: "SkylakeX", "Haswell" ... */

#endif

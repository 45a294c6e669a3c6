/* Matrix products: the one door to BLAS, and, for bfloat16, to oneDNN.
 *
 * Either runs single-threaded on blocks whose size depends on the shape alone; threads take blocks. So the
 * bits of a product do not depend on the number of threads. */
#ifndef AUTOGRAD_KERNELS_GEMM_H
#define AUTOGRAD_KERNELS_GEMM_H

#include <stdbool.h>

#include "autograd/tensor.h"

typedef enum GemmOp { GEMM_NN, GEMM_NT, GEMM_TN } GemmOp; /* which of a, b is given transposed */

/* c [m, n] = op(a) [m, k] * op(b) [k, n], or c += if add. Row-major; lda, ldb, ldc: numbers from one row
 * to the next as stored (so a is [k, m] in memory for GEMM_TN, b [n, k] for GEMM_NT). */
void gemm(GemmOp op, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b,
          int64_t ldb, real *c, int64_t ldc, bool add);

const char *gemm_core(void); /* the kernel that OpenBLAS chose: "SkylakeX", "Haswell" ... */

/* The same of bfloat16, summed in float32: c = op(a) op(b) + bias (+ c if add), or, if c is NULL, that rounded
 * once, as c_bf16. Rows lie side by side, for oneDNN takes any others at a fraction of the rate. Blocks are rows
 * of c: so GEMM_TN, whose a they would cut into columns, is one block (and slower: see to_bf16_rows()).
 * Where gemm_bf16_missing(), numbers are widened tile by tile and BLAS multiplies them: the same but for the
 * order of sums, and slow. */
typedef struct GemmBf16 {
    GemmOp op;
    int64_t m, n, k;
    const bf16 *a, *b;
    const real *bias; /* [n]; NULL: none */
    real *c;
    bf16 *c_bf16;
    bool add;
} GemmBf16;

void gemm_bf16(const GemmBf16 *p);

/* What fast products of bfloat16 lack here, as a sentence; NULL: nothing. */
const char *gemm_bf16_missing(void);

/* What multiplies bfloat16: "oneDNN 2.6.3 (amx)", "float32 (SkylakeX)" ... */
const char *gemm_bf16_core(void);

#endif

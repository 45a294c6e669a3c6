/* Matrix products: the only caller of BLAS, and, for bfloat16, of oneDNN.
 *
 * Both run single-threaded on blocks whose size depends on the shape alone; threads take blocks. So
 * the bits of a product do not depend on the number of threads. */
#ifndef AUTOGRAD_KERNELS_GEMM_H
#define AUTOGRAD_KERNELS_GEMM_H

#include <stdbool.h>

#include "autograd/base/error.h"
#include "autograd/tensor.h"

typedef enum GemmOp { GEMM_NN, GEMM_NT, GEMM_TN } GemmOp; /* T: this one of a, b is transposed */

/* c [m, n] = op(a) [m, k] * op(b) [k, n], or c += if add. Row-major; lda, ldb, ldc: numbers from
 * one row to the next as stored (so a is [k, m] in memory for GEMM_TN, b [n, k] for GEMM_NT). */
void gemm(GemmOp op, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b,
          int64_t ldb, real *c, int64_t ldc, bool add);

/* Reserves the memory in which OpenBLAS packs matrices, 128 MiB of address space per thread, for products on so
 * many threads. Without it, a product for which there is no such room never returns: OpenBLAS tries for ever. Pages
 * that no product touches cost nothing. E_NOMEM. */
Status gemm_reserve(int threads);

const char *gemm_core(void); /* the kernel that OpenBLAS chose: "SkylakeX", "Haswell" ... */

/* c = op(a) op(b) + bias (+ c if add), of bfloat16 a and b, summed in float; or, if c is NULL,
 * c_bf16 = that rounded once. Matrices are contiguous: oneDNN is much slower on any others. Threads
 * take blocks of rows of c. For GEMM_TN these would be columns of a, so it is a single block, and
 * slow: transpose a instead (to_bf16_transposed()). Where gemm_bf16_missing(), tiles are converted
 * to float and BLAS multiplies them: slow, and the same result but for the order of sums. */
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

/* Where address space is limited, keeps enough of it free for oneDNN to compile products on that
 * number of threads, beside gemm_reserve(). E_NOMEM. */
Status gemm_bf16_reserve(int threads);

/* Why fast bfloat16 products are not available here, as a sentence; NULL: they are. */
const char *gemm_bf16_missing(void);

/* The library and kernel that multiply bfloat16: "oneDNN 2.6.3 (amx)", "float32 (SkylakeX)" ... */
const char *gemm_bf16_core(void);

#endif

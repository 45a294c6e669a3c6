#include "autograd/kernels/skinny_gemm.h"

#ifdef __x86_64__
/* As in attention_avx512.c. */
#ifdef __clang__
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#endif

#define VECTOR_BYTES 64
#define ROWS         4
#define COLUMNS_NAME skinny_gemm_columns_avx512
#include "autograd/kernels/skinny_gemm_tile.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#else
void skinny_gemm_columns_avx512(const SkinnyGemm *f, int64_t begin, int64_t end)
{
    (void)f;
    (void)begin;
    (void)end;
}
#endif

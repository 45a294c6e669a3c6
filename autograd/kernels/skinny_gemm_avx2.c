#include "autograd/kernels/skinny_gemm.h"

#ifdef __x86_64__
/* As in attention_avx2.c. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define VECTOR_BYTES 32
#define ROWS         2
#define COLUMNS_NAME skinny_gemm_columns_avx2
#include "autograd/kernels/skinny_gemm_tile.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#else
void skinny_gemm_columns_avx2(const SkinnyGemm *f, int64_t begin, int64_t end)
{
    (void)f;
    (void)begin;
    (void)end;
}
#endif

#include "autograd/kernels/attention.h"

#ifdef __x86_64__
/* Single features, not "arch=": otherwise functions of other headers could not be inlined here. */
#ifdef __clang__
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#endif

#define VECTOR_BYTES 64
#define ROWS         8
#define FORWARD      attention_unit_forward_avx512
#define BACKWARD     attention_unit_backward_avx512
#include "autograd/kernels/attention_pass.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#else
void attention_unit_forward_avx512(const AttentionUnit *u)
{
    (void)u;
}

void attention_unit_backward_avx512(const AttentionUnit *u)
{
    (void)u;
}
#endif

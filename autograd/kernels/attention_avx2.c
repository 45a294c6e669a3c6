#include "autograd/kernels/attention.h"

#ifdef __x86_64__
/* Single features, not "arch=": otherwise functions of other headers could not be inlined here. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define VECTOR_BYTES 32
#define ROWS         4
#define FORWARD      attention_unit_forward_avx2
#define BACKWARD     attention_unit_backward_avx2
#include "autograd/kernels/attention_pass.h"

#ifdef __clang__
#pragma clang attribute pop
#endif
#else
void attention_unit_forward_avx2(const AttentionUnit *u)
{
    (void)u;
}

void attention_unit_backward_avx2(const AttentionUnit *u)
{
    (void)u;
}
#endif

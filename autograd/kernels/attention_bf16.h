/* Attention of bfloat16 rows (AttentionUnit.q_bf16, k_bf16, v_bf16, y_bf16): products take bfloat16
 * and sum in float; sums, maxima and gradients are float. Weights, their gradients, and dy are
 * rounded to bfloat16 as operands of products: relative error 2^-8.
 *
 * There are three versions: AMX; AVX512-BF16; and the float kernel on converted copies, which also
 * takes units of which only some matrices are bfloat16. Their results differ by that rounding.
 * Within a version the bits depend on the segment alone, as attention.h says. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_BF16_H
#define AUTOGRAD_KERNELS_ATTENTION_BF16_H

#include "autograd/kernels/attention.h"

#if defined(__x86_64__) && !defined(CAPSTAN_DOUBLE)
#define ATTENTION_BF16_BUILT 1
#else
#define ATTENTION_BF16_BUILT 0
#endif

typedef enum AttentionBf16 { ATTENTION_FLOAT, ATTENTION_AVX512_BF16, ATTENTION_AMX } AttentionBf16;

/* The fastest version that this processor has. Requests AMX from Linux. */
AttentionBf16 attention_bf16_most(void);

/* The version to use for u: the fastest, if all of its matrices are bfloat16. */
AttentionBf16 attention_bf16_choose(const AttentionUnit *u);

/* Bytes of scratch that a version needs for u. Reads only its sizes (queries, keys, widths, group)
 * and which matrices are bfloat16. */
int64_t attention_bf16_scratch(AttentionBf16 version, const AttentionUnit *u, bool backward);

void attention_bf16_forward(AttentionBf16 version, const AttentionUnit *u);
void attention_bf16_backward(AttentionBf16 version, const AttentionUnit *u);

AttentionPass attention_bf16_forward_amx, attention_bf16_backward_amx;
AttentionPass attention_bf16_forward_avx512, attention_bf16_backward_avx512;

#endif

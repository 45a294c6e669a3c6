/* Attention of bfloat16 rows (AttentionUnit.q_bf16, k_bf16, v_bf16, y_bf16): products take bfloat16
 * and sum in float; sums, maxima and gradients are float. Weights, their gradients, and dy are
 * rounded where a product takes them: each to 2^-8 of its size.
 *
 * There are three versions: AMX; AVX512-BF16; and the float kernel on converted copies, which also
 * takes units of which only some matrices are bfloat16. They differ by that rounding. Within a
 * version the bits depend on the segment alone, as attention.h says. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_BF16_H
#define AUTOGRAD_KERNELS_ATTENTION_BF16_H

#include "autograd/kernels/attention.h"

#if defined(__x86_64__) && !defined(CAPSTAN_DOUBLE)
#define ATTENTION_BF16_BUILT 1
#else
#define ATTENTION_BF16_BUILT 0
#endif

typedef enum AttentionBf16 { ATTENTION_FLOAT, ATTENTION_AVX512_BF16, ATTENTION_AMX } AttentionBf16;

/* The last version that this processor has. Asks Linux for AMX. */
AttentionBf16 attention_bf16_most(void);

/* The one to take for u: the fastest, if all of its rows are bfloat16. */
AttentionBf16 attention_bf16_choose(const AttentionUnit *u);

/* The work that a version needs for u, of which queries, keys, head_width, group, and which rows
 * are bfloat16 must be there. */
int64_t attention_bf16_scratch(AttentionBf16 version, const AttentionUnit *u, bool backward);

void attention_bf16_forward(AttentionBf16 version, const AttentionUnit *u);
void attention_bf16_backward(AttentionBf16 version, const AttentionUnit *u);

AttentionPass attention_bf16_forward_amx, attention_bf16_backward_amx;
AttentionPass attention_bf16_forward_avx512, attention_bf16_backward_avx512;

#endif

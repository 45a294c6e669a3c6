#define VECTOR_BYTES 16
#define ROWS         4
#define FORWARD      attention_unit_forward_plain
#define BACKWARD     attention_unit_backward_plain

#include "autograd/kernels/attention.h"
#include "autograd/kernels/attention_pass.h"
#include "autograd/kernels/vector.h"

static int64_t aligned(int64_t count)
{
    return (count + ALIGNMENT_MAX - 1) / ALIGNMENT_MAX * ALIGNMENT_MAX;
}

int64_t attention_unit_scratch(int64_t keys, int64_t head_width, int64_t value_width, bool backward)
{
    const int64_t padded = aligned(keys), width = aligned(head_width),
                  values = aligned(value_width), wider = width > values ? width : values;
    const int64_t count = (backward ? 3 : 1) * padded * (width + values) +
                          QUERIES * (width + values + wider) + 2 * QUERIES * KEYS +
                          QUERIES * ALIGNMENT_MAX + padded / STRIP;
    return (count * (int64_t)sizeof(real) + 63) / 64 * 64;
}

void attention_unit_forward(const AttentionUnit *u)
{
    if (VECTOR_HAS_AVX512)
        attention_unit_forward_avx512(u);
    else if (VECTOR_HAS_AVX2)
        attention_unit_forward_avx2(u);
    else
        attention_unit_forward_plain(u);
}

void attention_unit_backward(const AttentionUnit *u)
{
    if (VECTOR_HAS_AVX512)
        attention_unit_backward_avx512(u);
    else if (VECTOR_HAS_AVX2)
        attention_unit_backward_avx2(u);
    else
        attention_unit_backward_plain(u);
}

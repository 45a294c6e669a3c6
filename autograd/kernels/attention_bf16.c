#include "autograd/kernels/attention_bf16.h"

#include <string.h>

#include "autograd/kernels/bf16.h"
#include "autograd/kernels/vector.h"

#if ATTENTION_BF16_BUILT
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The fastest version that CPUID allows: AVX512-BF16, or AMX with bfloat16 products. */
static AttentionBf16 processor_has(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!VECTOR_HAS_AVX512 || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a >> 5 & 1))
        return ATTENTION_FLOAT;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1))
        return ATTENTION_AVX512_BF16;
    return ATTENTION_AMX;
}

/* AMX registers are large, so Linux grants them on request, to the whole process
 * (Documentation/x86/xstate.rst). A second request is harmless. */
static bool may_use_tiles(void)
{
    enum { REQUEST_COMPONENT = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_COMPONENT, TILE_DATA) == 0;
}

AttentionBf16 attention_bf16_most(void)
{
    static int known; /* 1 + the version; 0: not known yet */
    int best = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!best) {
        best = 1 + (int)processor_has();
        if (best == 1 + ATTENTION_AMX && !may_use_tiles()) best = 1 + ATTENTION_AVX512_BF16;
        __atomic_store_n(&known, best, __ATOMIC_RELAXED);
    }
    return (AttentionBf16)(best - 1);
}
#else
AttentionBf16 attention_bf16_most(void)
{
    return ATTENTION_FLOAT;
}
#endif

/* Intel's vdpbf16ps takes longer than the two multiply-adds that it replaces (Sapphire Rapids: 0.6
 * of the float kernel's rate); on AMD's Zen 4 it takes half as long. */
static bool is_worth_it(AttentionBf16 version)
{
#if ATTENTION_BF16_BUILT
    return version == ATTENTION_AMX ||
           (version == ATTENTION_AVX512_BF16 && __builtin_cpu_is("amd"));
#else
    (void)version;
    return false;
#endif
}

AttentionBf16 attention_bf16_choose(const AttentionUnit *u)
{
    const bool all = u->q_bf16.data && u->k_bf16.data && u->v_bf16.data && u->y_bf16.data;
    const AttentionBf16 most = attention_bf16_most();
    /* The bfloat16 versions take the maximum before scaling, so the scale must be positive. */
    return all && u->scale > 0 && is_worth_it(most) ? most : ATTENTION_FLOAT;
}

/* Bytes of scratch that forward_begin() or backward_begin() uses. */
static int64_t blocks_work(const AttentionUnit *u, bool backward)
{
    enum { SIDE = 32, STRETCH = 256, SPARE = 32 * 64 };
    const int64_t width = (u->head_width + SIDE - 1) / SIDE * SIDE,
                  values = (u->value_width + SIDE - 1) / SIDE * SIDE,
                  wider = width > values ? width : values,
                  keys = (u->keys + SIDE - 1) / SIDE * SIDE;
    const int64_t half = (int64_t)sizeof(bf16), full = (int64_t)sizeof(float);
    if (!backward)
        return SPARE + (keys * (width + values) + SIDE * wider + SIDE * STRETCH) * half +
               SIDE * (STRETCH + 16 + values + 32) * full;
    return SPARE +
           (keys * (2 * width + values) + 2 * STRETCH * (width + values) + SIDE * wider +
            2 * STRETCH * SIDE + STRETCH * STRETCH) *
               half +
           (2 * SIDE * SIDE + keys * (width + values) + STRETCH * width + 4 * STRETCH) * full +
           keys;
}

/* Bytes of the float copies of bfloat16 rows, which precede the float kernel's own scratch. */
static int64_t copies(const AttentionUnit *u)
{
    const int64_t queries = u->group * u->queries;
    const int64_t heads = (u->q_bf16.data ? queries : 0) + (u->k_bf16.data ? u->keys : 0),
                  values = (u->y_bf16.data ? queries : 0) + (u->v_bf16.data ? u->keys : 0);
    return ((heads * u->head_width + values * u->value_width) * (int64_t)sizeof(real) + 63) / 64 *
           64;
}

int64_t attention_bf16_scratch(AttentionBf16 version, const AttentionUnit *u, bool backward)
{
    if (version == ATTENTION_FLOAT)
        return copies(u) + attention_unit_scratch(u->keys, u->head_width, u->value_width, backward);
    return (blocks_work(u, backward) + 63) / 64 * 64;
}

static AttentionMatrix float_rows(real **at, AttentionMatrix x, AttentionMatrixBf16 bf16_x,
                                  int64_t rows, int64_t width, bool fill)
{
    const AttentionMatrix y = {*at, width};
    if (!bf16_x.data) return x;
    *at += rows * width;
    for (int64_t i = 0; fill && i < rows; i++)
        from_bf16(y.data + i * width, bf16_x.data + i * bf16_x.step, width);
    return y;
}

static AttentionUnit as_float(const AttentionUnit *u, bool backward)
{
    real *at = u->scratch;
    AttentionUnit f = *u;
    f.q = float_rows(&at, u->q, u->q_bf16, u->queries, u->group * u->head_width, true);
    f.k = float_rows(&at, u->k, u->k_bf16, u->keys, u->head_width, true);
    f.v = float_rows(&at, u->v, u->v_bf16, u->keys, u->value_width, true);
    f.y = float_rows(&at, u->y, u->y_bf16, u->queries, u->group * u->value_width, backward);
    f.next = NULL;
    f.scratch = (char *)u->scratch + copies(u);
    return f;
}

void attention_bf16_forward(AttentionBf16 version, const AttentionUnit *u)
{
#if ATTENTION_BF16_BUILT
    if (version == ATTENTION_AMX) {
        attention_bf16_forward_amx(u);
        return;
    }
    if (version == ATTENTION_AVX512_BF16) {
        attention_bf16_forward_avx512(u);
        return;
    }
#endif
    (void)version;
    if (!copies(u)) {
        attention_unit_forward(u);
        return;
    }
    const AttentionUnit f = as_float(u, false);
    attention_unit_forward(&f);
    for (int64_t i = 0; u->y_bf16.data && i < u->queries; i++)
        to_bf16(u->y_bf16.data + i * u->y_bf16.step, f.y.data + i * f.y.step, f.y.step);
}

void attention_bf16_backward(AttentionBf16 version, const AttentionUnit *u)
{
#if ATTENTION_BF16_BUILT
    if (version == ATTENTION_AMX) {
        attention_bf16_backward_amx(u);
        return;
    }
    if (version == ATTENTION_AVX512_BF16) {
        attention_bf16_backward_avx512(u);
        return;
    }
#endif
    (void)version;
    if (!copies(u)) {
        attention_unit_backward(u);
        return;
    }
    const AttentionUnit f = as_float(u, true);
    attention_unit_backward(&f);
}

/* Vector code: plain C loops that the compiler vectorises, once for each instruction set.
 *
 * gcc compiles a function marked VECTOR for x86-64-v4 (AVX-512), v3 (AVX2, FMA) and the baseline;
 * the loader takes the best one for the processor. Elsewhere (AArch64), under sanitizers, and under
 * clang (14 makes two static ones of one name collide) it is one plain function. A helper marked
 * VECTOR_INLINE is inlined into each version. Sums use `#pragma omp simd reduction`, so the
 * compiler chooses the order of their additions; it depends on the instruction set and the count,
 * never on threads or addresses.
 *
 * The functions below have no branches and read no tables, so a loop over them is vector code. NaN
 * stays NaN; infinities, overflow and underflow are as in libm. Largest errors, in units of the
 * last place of the result (checked by tests/test_vector.c), float and double alike:
 *
 *     vexp       1.2 for x in [-87, 88] (double: [-708, 709]); 0 below that, not for use above
 *     vtanh      2.6
 *     vsigmoid   2.5 for x > -87 (double: -708); below, 0 where the true value may be subnormal */
#ifndef AUTOGRAD_KERNELS_VECTOR_H
#define AUTOGRAD_KERNELS_VECTOR_H

#include <stdint.h>
#include <string.h>

#include "autograd/tensor.h"

#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(CAPSTAN_PLAIN)
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR
#endif

/* Whether versions for longer vectors in files of their own (attention_avx2.c ...) may be used:
 * where VECTOR makes versions, and also under clang. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(CAPSTAN_PLAIN)
#define VECTOR_HAS_AVX512                                                       \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && \
     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
#define VECTOR_HAS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#else
#define VECTOR_HAS_AVX512 0
#define VECTOR_HAS_AVX2   0
#endif

#define VECTOR_INLINE static inline __attribute__((always_inline))

/* e^r - 1 for |r| <= ln 2 / 2: r + r^2 q(r), q interpolated at Chebyshev's points. VECTOR_LN2_HIGH
 * times any exponent is exact (Cody & Waite 1980). */
#ifdef CAPSTAN_DOUBLE
typedef uint64_t VectorBits;
enum { VECTOR_FRACTION = 52, VECTOR_BIAS = 1023 };
static const real VECTOR_EXP_MIN = -708, VECTOR_EXP_MAX = 710, VECTOR_TANH_MAX = 20,
                  VECTOR_SIGMOID_MAX = 700;
static const real VECTOR_ROUND = 0x1.8p52, VECTOR_LOG2E = 0x1.71547652b82fep+0;
static const real VECTOR_LN2_HIGH = 0x1.62e42fefa2p-1, VECTOR_LN2_LOW = 0x1.9ef35793c7673p-41;

VECTOR_INLINE real vector_expm1_part(real r)
{
    real q = 0x1.1f7385560be05p-29;
    q = q * r + 0x1.af4ecd2129492p-26;
    q = q * r + 0x1.27e4db25ce3adp-22;
    q = q * r + 0x1.71de01c3fc936p-19;
    q = q * r + 0x1.a01a01a6ec522p-16;
    q = q * r + 0x1.a01a01ac0a9eep-13;
    q = q * r + 0x1.6c16c16c162b0p-10;
    q = q * r + 0x1.111111111009cp-7;
    q = q * r + 0x1.5555555555556p-5;
    q = q * r + 0x1.5555555555557p-3;
    q = q * r + 0.5;
    return r + r * r * q;
}
#else
typedef uint32_t VectorBits;
enum { VECTOR_FRACTION = 23, VECTOR_BIAS = 127 };
static const real VECTOR_EXP_MIN = -87, VECTOR_EXP_MAX = 89, VECTOR_TANH_MAX = 10,
                  VECTOR_SIGMOID_MAX = 86;
static const real VECTOR_ROUND = 0x1.8p23f, VECTOR_LOG2E = 0x1.715476p+0f;
static const real VECTOR_LN2_HIGH = 0x1.62e4p-1f, VECTOR_LN2_LOW = 0x1.7f7d1cp-20f;

VECTOR_INLINE real vector_expm1_part(real r)
{
    real q = 0x1.6d11fep-10f;
    q = q * r + 0x1.120c62p-7f;
    q = q * r + 0x1.555518p-5f;
    q = q * r + 0x1.5554dcp-3f;
    q = q * r + 0.5f;
    return r + r * r * q;
}
#endif

/* x = n ln 2 + r, and n as an unsigned number that wraps around. n is garbage if x is NaN. */
VECTOR_INLINE real vector_reduce(real x, VectorBits *n)
{
    const real zero = VECTOR_ROUND;
    real shifted = x * VECTOR_LOG2E + VECTOR_ROUND; /* rounds: no bits remain for a fraction */
    VectorBits bits, zero_bits;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&zero_bits, &zero, sizeof bits);
    *n = bits - zero_bits;
    shifted -= VECTOR_ROUND;
    return x - shifted * VECTOR_LN2_HIGH - shifted * VECTOR_LN2_LOW;
}

VECTOR_INLINE real vector_power_of_2(VectorBits n) /* normal results, and infinity */
{
    real x;
    n = (n + VECTOR_BIAS) << VECTOR_FRACTION;
    memcpy(&x, &n, sizeof x);
    return x;
}

VECTOR_INLINE real vexp(real x)
{
    VectorBits n;
    const real least = x < VECTOR_EXP_MIN ? VECTOR_EXP_MIN : x, r = vector_reduce(least, &n);
    const real e = (1 + vector_expm1_part(r)) * vector_power_of_2(n);
    return x < VECTOR_EXP_MIN ? 0 : e;
}

/* (e^2a - 1) / (e^2a + 1), a = |x|: without loss of digits near 0. */
VECTOR_INLINE real vtanh(real x)
{
    VectorBits n;
    real a = x < 0 ? -x : x;
    a = a > VECTOR_TANH_MAX ? VECTOR_TANH_MAX : a;
    real r = vector_reduce(2 * a, &n), power = vector_power_of_2(n);
    real m = power * vector_expm1_part(r) + (power - 1), y = m / (m + 2);
    return x < 0 ? -y : y;
}

/* 1 / (1 + e^-x), where e^-x need not be right when it is subnormal, or so large that 2^n is
 * infinite. */
VECTOR_INLINE real vsigmoid(real x)
{
    VectorBits n;
    x = x > VECTOR_SIGMOID_MAX ? VECTOR_SIGMOID_MAX : x;
    x = x < -VECTOR_EXP_MAX ? -VECTOR_EXP_MAX : x;
    const real r = vector_reduce(-x, &n);
    return 1 / (1 + (1 + vector_expm1_part(r)) * vector_power_of_2(n));
}

/* Prefetches count numbers, which may lie beyond the end of an array. Loops that stream through
 * memory gain by prefetching VECTOR_PREFETCH numbers ahead: the hardware alone looks less far. */
enum { VECTOR_PREFETCH = 512 };

VECTOR_INLINE void vector_prefetch(const real *x, int64_t count)
{
    enum { LINE = 64 / sizeof(real) };
    for (int64_t i = 0; i < count; i += LINE) __builtin_prefetch(x + i);
}

/* SIDE separate sums, so that additions do not wait for each other. */
VECTOR_INLINE real vector_sum(const real *x, int64_t count)
{
    enum { SIDE = 256 / sizeof(real) };
    real sums[SIDE] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + SIDE <= count; i += SIDE)
#pragma omp simd
        for (int j = 0; j < SIDE; j++) sums[j] += x[i + j];
#pragma omp simd reduction(+ : sum)
    for (int64_t j = i; j < count; j++) sum += x[j];
    if (i == 0) return sum;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < SIDE; j++) sum += sums[j];
    return sum;
}

/* The largest of `max` and count numbers; NaN is ignored. */
VECTOR_INLINE real vector_max(const real *x, int64_t count, real max)
{
    enum { SIDE = 256 / sizeof(real) };
    real most[SIDE];
    int64_t i = 0;
    for (int j = 0; j < SIDE; j++) most[j] = max;
    for (; i + SIDE <= count; i += SIDE)
#pragma omp simd
        for (int j = 0; j < SIDE; j++) most[j] = x[i + j] > most[j] ? x[i + j] : most[j];
    for (; i < count; i++) max = x[i] > max ? x[i] : max;
    for (int half = SIDE / 2; half; half /= 2)
#pragma omp simd
        for (int j = 0; j < half; j++)
            most[j] = most[j + half] > most[j] ? most[j + half] : most[j];
    return most[0] > max ? most[0] : max;
}

VECTOR_INLINE real vector_dot(const real *x, const real *y, int64_t count)
{
    enum { SIDE = 256 / sizeof(real) };
    real sums[SIDE] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + SIDE <= count; i += SIDE)
#pragma omp simd
        for (int j = 0; j < SIDE; j++) sums[j] += x[i + j] * y[i + j];
#pragma omp simd reduction(+ : sum)
    for (int64_t j = i; j < count; j++) sum += x[j] * y[j];
    if (i == 0) return sum;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < SIDE; j++) sum += sums[j];
    return sum;
}

#endif

/* Vectors of a fixed number of bytes, for kernels that hold them in registers by name. Included
 * once for each instruction set, after VECTOR_BYTES: from attention_vector.h and
 * skinny_gemm_tile.h. */
#ifndef AUTOGRAD_KERNELS_VEC_H
#define AUTOGRAD_KERNELS_VEC_H

#include <stdint.h>

#include "autograd/tensor.h"

enum { LANES = VECTOR_BYTES / (int)sizeof(real) };

#ifdef CAPSTAN_DOUBLE
typedef int64_t Choice;
typedef uint64_t Bits;
#else
typedef int32_t Choice;
typedef uint32_t Bits;
#endif
typedef real Vec __attribute__((vector_size(VECTOR_BYTES)));
typedef Choice Mask __attribute__((vector_size(VECTOR_BYTES))); /* of a comparison: 0 or -1 */
typedef Bits VecBits __attribute__((vector_size(VECTOR_BYTES)));
typedef real VecAnywhere
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE Vec load(const real *x)
{
    return *(const VecAnywhere *)x;
}

INLINE void store(real *x, Vec v)
{
    *(VecAnywhere *)x = v;
}

INLINE Vec all(real x)
{
    return x - (Vec){0}; /* minus 0 is exact and compiles to nothing; plus 0 would change -0 */
}

INLINE Vec choose(Mask m, Vec yes, Vec no)
{
    return (Vec)((m & (Mask)yes) | (~m & (Mask)no));
}

INLINE Vec larger(Vec x, Vec y) /* y if x is NaN */
{
    return choose(x > y, x, y);
}

#define LOW(i, d)   ((i) & (d) ? (i) - (d) + LANES : (i))
#define HIGH(i, d)  ((i) & (d) ? (i) + LANES : (i) + (d))
#define OTHER(i, d) ((i) ^ (d))
#define PICK2(f, d) f(0, d), f(1, d)
#define PICK4(f, d) PICK2(f, d), f(2, d), f(3, d)
#define PICK8(f, d) PICK4(f, d), f(4, d), f(5, d), f(6, d), f(7, d)
#define PICK16(f, d) \
    PICK8(f, d), f(8, d), f(9, d), f(10, d), f(11, d), f(12, d), f(13, d), f(14, d), f(15, d)
#if VECTOR_BYTES == 64 && !defined(CAPSTAN_DOUBLE)
#define PICK PICK16
#elif VECTOR_BYTES == 64 || (VECTOR_BYTES == 32 && !defined(CAPSTAN_DOUBLE))
#define PICK PICK8
#elif VECTOR_BYTES == 32 || !defined(CAPSTAN_DOUBLE)
#define PICK PICK4
#else
#define PICK PICK2
#endif

/* Combines one half of the lanes with the other, until all lanes hold the result. */
#define FOLD(x, d, with)                                                         \
    if (LANES > d) {                                                             \
        const Vec other = __builtin_shufflevector(x, x, PICK(OTHER, d % LANES)); \
        x = with;                                                                \
    }

INLINE real largest(Vec x)
{
    FOLD(x, 8, larger(x, other))
    FOLD(x, 4, larger(x, other))
    FOLD(x, 2, larger(x, other))
    FOLD(x, 1, larger(x, other))
    return x[0];
}

INLINE real total(Vec x)
{
    FOLD(x, 8, x + other)
    FOLD(x, 4, x + other)
    FOLD(x, 2, x + other)
    FOLD(x, 1, x + other)
    return x[0];
}

#endif

/* Vector code: plain C loops that the compiler vectorises, once for each instruction set.
 *
 * A function marked VECTOR is compiled for x86-64-v4 (AVX-512), v3 (AVX2, FMA) and the baseline, and the
 * best one for the processor is taken when the program is loaded; elsewhere (AArch64) and under
 * sanitizers it is one plain function. Sums say `#pragma omp simd reduction`, so that the order of their
 * additions is the compiler's to choose; it depends on the instruction set, never on threads. */
#ifndef AUTOGRAD_KERNELS_VECTOR_H
#define AUTOGRAD_KERNELS_VECTOR_H

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(CAPSTAN_PLAIN)
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR
#endif

#endif

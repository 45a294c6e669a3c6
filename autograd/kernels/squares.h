/* Sums of squares, in double. */
#ifndef AUTOGRAD_KERNELS_SQUARES_H
#define AUTOGRAD_KERNELS_SQUARES_H

#include "autograd/tensor.h"

/* On the calling thread. */
double squares_sum(const real *x, int64_t count);

/* In blocks of fixed size, on all threads. */
double squares_of_all(const real *x, int64_t count);

#endif

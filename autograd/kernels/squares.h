/* Sums of squares, in double. */
#ifndef AUTOGRAD_KERNELS_SQUARES_H
#define AUTOGRAD_KERNELS_SQUARES_H

#include "autograd/tensor.h"

double squares_sum(const real *x, int64_t count);

#endif

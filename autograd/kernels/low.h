/* Matrices to bfloat16, on as many threads as there are. */
#ifndef AUTOGRAD_KERNELS_LOW_H
#define AUTOGRAD_KERNELS_LOW_H

#include "autograd/kernels/bf16.h"

/* y = x [rows, width]. */
void low_narrow(bf16 *y, const real *x, int64_t rows, int64_t width);

/* y = x, and turned [width, rows] its transpose; either NULL: not wanted. */
void low_narrow_turned(bf16 *y, bf16 *turned, const real *x, int64_t rows, int64_t width);

#endif

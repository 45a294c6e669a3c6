/* Inside microbatches: one gradient added to another, and how long each was before. */
#ifndef TRAIN_STEP_GRADIENT_SUM_H
#define TRAIN_STEP_GRADIENT_SUM_H

#include "autograd/tensor.h"

/* Numbers that gradient_sum() works with, for gradients of `count` numbers. */
int64_t gradient_sum_work(int64_t count);

/* to += from. *to_squares, *from_squares: sums of squares, taken while the numbers are in the cache for the sum;
 * NULL: not wanted. They depend on no threads. */
void gradient_sum(real *to, const real *from, int64_t count, double *work, double *to_squares,
                  double *from_squares);

#endif

/* How a model without learned positions knows order. RoPE is an op: autograd/ops/rope.c. */
#ifndef LAYERS_POSITIONS_H
#define LAYERS_POSITIONS_H

#include "autograd/params.h"

/* [context, width], as long as p lives: row i holds sin and cos of i / 10000^(2 k / width), interleaved
 * (Vaswani et al. 2017, section 3.5). */
Tensor *positions_sinusoidal(Params *p, int64_t context, int64_t width);

/* The slopes of ALiBi, [heads], as long as p lives: 2^(-8 (h + 1) / heads) for a power of two; for other
 * numbers those of the power below and every other one of twice that (Press et al. 2021,
 * arXiv:2108.12409, and the authors' code). NULL when memory is out. */
double *positions_alibi(Params *p, int64_t heads);

#endif

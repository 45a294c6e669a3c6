/* Lion: Chen et al. 2023, arXiv:2302.06675, algorithm 2:
 *
 *   w = w (1 - lr weight_decay) - lr rate sign(beta1 m + (1 - beta1) g)
 *   m = beta2 m + (1 - beta2) g
 *
 * sign(0) = 0. */
#ifndef OPTIM_LION_H
#define OPTIM_LION_H

#include "optim/optim.h"

/* optim_step(), but for bfloat16 copies, and stats are sums of squares, added to what they are. */
void lion_step(Params *p, const OptimConfig *c, double lr, double grad_scale, UpdateStats *stats);

#endif

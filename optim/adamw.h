/* AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, as PyTorch computes it. */
#ifndef OPTIM_ADAMW_H
#define OPTIM_ADAMW_H

#include "optim/optim.h"

/* optim_step() of the parameters with has_v: but for bfloat16 copies, and stats are sums of
 * squares, added to what they are. A parameter's step is lr times its rate (Param.rate); weight decay
 * is lr times weight_decay whatever the rate. One pass over value, grad, m and v (two if
 * c->update_clip). */
void adamw_step(Params *p, const OptimConfig *c, double lr, double grad_scale, int64_t step,
                UpdateStats *stats);

#endif

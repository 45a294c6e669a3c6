/* Penalties on the parameters that decay, beside decoupled weight decay.
 *
 *   coupled L2:   g = g + l2 w, before the moments: the gradient of l2 w^2 / 2
 *   proximal L1:  w = sign(w) max(|w| - lr l1, 0), after the update: the proximal operator of
 *                 lr l1 |w| (Parikh & Boyd 2014, Proximal Algorithms, section 6.5.2) */
#ifndef OPTIM_PENALTIES_H
#define OPTIM_PENALTIES_H

#include <math.h>

#include "autograd/kernels/vector.h"
#include "optim/optim.h"

typedef struct Penalties {
    real l1, l2; /* l1: times lr; 0: none */
} Penalties;

static inline Penalties penalties_of(const OptimConfig *c, double lr)
{
    return (Penalties){(real)(lr * c->l1), (real)c->l2};
}

/* NaN stays NaN. */
VECTOR_INLINE real penalties_shrink(real w, real by)
{
    const real size = (w < 0 ? -w : w) - by;
    return size < 0 ? 0 : w < 0 ? -size : size;
}

#endif

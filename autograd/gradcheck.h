/* Gradcheck: compares an op's backward with finite differences of its forward, in double. */
#ifndef AUTOGRAD_GRADCHECK_H
#define AUTOGRAD_GRADCHECK_H

#include "autograd/base/arena.h"
#include "autograd/op.h"

/* Runs one case with inputs drawn from N(0, 1) and g = dL/dy drawn likewise. *worst: the largest
 * |analytic - numeric| / max(1, |numeric|) over every element of every input. Each gradient is
 * checked twice: overwriting garbage (NaN), and added to an existing sum. Meant for the double
 * build. */
Status gradcheck(const Op *op, const OpCase *c, double *worst);

/* y of one case and then all its gradients, from the inputs that gradcheck() takes: the same inputs
 * in both builds, so that the builds can be compared. *values is in the arena. */
Status gradcheck_values(const Op *op, const OpCase *c, Arena *arena, double **values,
                        int64_t *count);

#endif

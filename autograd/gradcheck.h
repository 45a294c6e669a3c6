/* Gradcheck: holds an op's backward against finite differences of its own forward. */
#ifndef AUTOGRAD_GRADCHECK_H
#define AUTOGRAD_GRADCHECK_H

#include "autograd/op.h"

/* Runs one case with inputs drawn from N(0, 1) and g = dL/dy drawn likewise. *worst: the largest
 * |analytic - numeric| / max(1, |numeric|) over every element of every input. Each gradient is taken
 * twice: into garbage (NaN), and on top of a sum that is there already. Meant for the double build. */
Status gradcheck(const Op *op, const OpCase *c, double *worst);

#endif

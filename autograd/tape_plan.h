/* The memory plan of backward: which nodes the loss depends on, and the offsets of their gradients.
 *
 * The gradient of a node's result is needed from the first backward that writes to it until the
 * node's own backward has run. The plan walks the tape in the order of backward and gives each
 * gradient the first gap that is long enough in one region of memory. So backward needs memory for
 * the gradients in use at its peak, not the sum of all gradients. Nothing is computed: the plan is
 * the same on a dry tape.
 *
 * An example: tape.c. */
#ifndef AUTOGRAD_TAPE_PLAN_H
#define AUTOGRAD_TAPE_PLAN_H

#include "autograd/tape.h"

/* Sets Node.in_backward and, of inputs that are results, Node.add and Tensor.offset (in the region,
 * in numbers). *size: numbers in the region. E_NOMEM. */
Status tape_plan(Tape *t, Tensor *loss, int64_t *size);

#endif

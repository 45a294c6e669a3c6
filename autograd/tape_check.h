/* Faults in a tape's numbers: injects Tape.poison, and, if Tape.check is set, finds the first
 * number that is not finite (Tape.finding). Called around forward and backward of each node; costs
 * two tests per node if both are off. */
#ifndef AUTOGRAD_TAPE_CHECK_H
#define AUTOGRAD_TAPE_CHECK_H

#include "autograd/tape.h"

void tape_check_parameters(Tape *t, const Node *n); /* before forward */
void tape_check_forward(Tape *t, const Node *n);    /* after it: result, gradients */
void tape_check_backward(Tape *t, const Node *n);   /* after backward: the gradients */

#endif

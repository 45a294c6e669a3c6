/* The fault study of a tape: plants Tape.poison, and finds the first number that is not finite if
 * Tape.check is set (Tape.finding). Called around forward and backward of each node; costs two
 * tests where both are off. */
#ifndef AUTOGRAD_TAPE_CHECK_H
#define AUTOGRAD_TAPE_CHECK_H

#include "autograd/tape.h"

void tape_check_parameters(Tape *t, const Node *n); /* before forward */
void tape_check_forward(Tape *t, const Node *n);    /* after it: the result, gradients of forward */
void tape_check_backward(Tape *t, const Node *n);   /* after backward: the gradients */

#endif

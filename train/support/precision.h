/* Which of the two builds a command runs in: capstan (float) or capstan64 (double). */
#ifndef TRAIN_SUPPORT_PRECISION_H
#define TRAIN_SUPPORT_PRECISION_H

#include "autograd/base/error.h"

/* "float32" or "float64": what this build's numbers are. */
const char *precision_here(void);

/* OK if precision is this build's (bfloat16: the float one's). Else goes on in the other program, which stands beside this one, with
 * the same arguments, and does not return: so call it before anything is printed or written. argv: as
 * Command.run got it, so that argv[-2] is the program's name. E_CONFIG if the other program is not there,
 * or if precision is neither. */
Status precision_switch(const char *precision, char *argv[]);

#endif

/* Which of the two builds a command runs in: capstan (float) or capstan64 (double). */
#ifndef TRAIN_SUPPORT_PRECISION_H
#define TRAIN_SUPPORT_PRECISION_H

#include "autograd/base/error.h"
#include "autograd/base/schema.h"

#define PRECISION_CHOICES(X) X(PRECISION, float32) X(PRECISION, float64) X(PRECISION, bfloat16)
CHOICES(Precision, PRECISION_CHOICES, precision_text)

/* "float32" or "float64": the number type of parameters and sums. With bfloat16 it is float32. */
const char *precision_number(Precision p);

/* "float32" or "float64": the number type of this build. */
const char *precision_here(void);

/* Makes sure that this build computes in `number`, "float32" or "float64". OK if it does.
 * Otherwise executes the other program, which lies beside this one, with the same arguments, and
 * does not return; so call it before anything is printed or written. argv: as Command.run received
 * it, so that argv[-2] is the program's name. E_CONFIG: the other program is missing, or `number`
 * is neither. */
Status precision_switch(const char *number, char *argv[]);

#endif

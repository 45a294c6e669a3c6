/* One row of logits: its loss, and the gradient of that. The formulas are at the head of
 * cross_entropy.c. */
#ifndef AUTOGRAD_OPS_LOGITS_ROW_H
#define AUTOGRAD_OPS_LOGITS_ROW_H

#include "autograd/ops.h"

typedef struct LogitsRow {
    const CrossEntropy *loss;
    int64_t row; /* whose target, weight, row_loss and row_logz these are */
    int64_t classes;
    bool wants_grad;
    double seed;  /* the gradient is of seed * the result */
    real *logits; /* [classes]; overwritten, by the gradient if g is NULL */
    bf16 *g;      /* [classes]: where the gradient goes as bfloat16 */
    real *maxima; /* [logits_parts(classes)]: scratch */
} LogitsRow;

int64_t logits_parts(int64_t classes);

/* Returns the row's share of the loss: scale and weight included. */
double logits_row(const LogitsRow *x);

#endif

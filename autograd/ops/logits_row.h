/* One row of logits: its loss and its gradient. Formulas: cross_entropy.c. */
#ifndef AUTOGRAD_OPS_LOGITS_ROW_H
#define AUTOGRAD_OPS_LOGITS_ROW_H

#include "autograd/ops.h"

typedef struct LogitsRow {
    const CrossEntropy *loss;
    int64_t row; /* index of its target, weight, row_loss and row_logz */
    int64_t classes;
    bool wants_grad;
    double seed;  /* the gradient is of seed * the result */
    real *logits; /* [classes]; overwritten, by the gradient if g is NULL */
    bf16 *g;      /* [classes]: output, the gradient as bfloat16 */
    real *maxima; /* [logits_parts(classes)]: scratch */
    real *slopes; /* [classes]: scratch; only with loss->softcap */
} LogitsRow;

int64_t logits_parts(int64_t classes);

/* Returns the row's term of the loss, with scale and weight. */
double logits_row(const LogitsRow *x);

#endif

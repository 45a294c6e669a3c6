/* Logits x w^T, their losses and gradients, a chunk of rows at a time: shared by cross_entropy and
 * log_prob.
 *
 * With 50,000 classes the logits of a batch would take gigabytes. So rows are multiplied by w in
 * chunks of at most 112 megabytes of logits. While the logits of a chunk are in memory, each row
 * gives its loss, its gradient g overwrites it, and two more products add the chunk to the
 * gradients: dx = g w, dw += g^T x. Rows without a target (-1) are skipped: a chunk gathers the
 * others. */
#ifndef AUTOGRAD_OPS_LOGITS_H
#define AUTOGRAD_OPS_LOGITS_H

#include "autograd/ops.h"

typedef struct LogitsPass {
    const CrossEntropy *loss;
    double seed; /* dx and dw are gradients of seed * loss */
    /* NULL: not wanted. dx [rows, C], 0 for rows without a target; dw [V, C]. add_dx, add_dw: they
     * hold sums to add to. */
    real *dx, *dw;
    bool add_dx, add_dw;
} LogitsPass;

/* For shape rules: checks x [rows, C], w [V, C] and targets [rows], and sets n->scratch_size.
 * E_SHAPE; E_ARG if a target is not in [-1, V). */
Status logits_prepare(Node *n, const int32_t *targets, bool is_capped);

/* Runs over all rows of node n, whose inputs are x and w. Returns the loss. */
double logits_run(const Node *n, const LogitsPass *p);

/* Counts the FLOPs of `products` products of w and the rows that have a target. */
void logits_work(const Node *n, const int32_t *targets, int products, OpWork *w);

#endif

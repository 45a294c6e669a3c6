/* Muon, for the matrices of blocks: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.
 *
 *   m = momentum m + (1 - momentum) g        an exponential mean
 *   G = momentum m + (1 - momentum) g        Nesterov's
 *   X = G / (|G| + 1e-7), five times  A = X X^T,  X = 3.4445 X + (-4.775 A + 2.0315 A A) X
 *   w = w (1 - muon_lr weight_decay) - muon_lr sqrt(max(1, rows / columns)) X
 *
 * Newton-Schulz iteration brings all singular values of G near 1 (0.7 to 1.2). muon_lr follows the
 * schedule. Param.rate does not apply: with muP the spectral norm of a hidden matrix and of its
 * update may not depend on width (Yang et al. 2023, arXiv:2310.17813, condition 1), and that of X
 * does not.
 *
 * Threads take whole matrices, or, if these are fewer, blocks of their products. */
#ifndef OPTIM_MUON_H
#define OPTIM_MUON_H

#include "optim/optim.h"

/* Whether Muon trains it: a matrix of a block. */
bool muon_fits(const Param *one);

/* Numbers of scratch for threads_team() threads, once has_v is set. */
int64_t muon_scratch(const Params *p);

double muon_flops(const Params *p); /* of an update */

/* optim_step() of the parameters without has_v, but for bfloat16 copies. lr: of AdamW. stats are
 * sums of squares, added to what they are. */
void muon_step(Params *p, const OptimConfig *c, double lr, double grad_scale, UpdateStats *stats);

/* Newton-Schulz iteration on x [rows, columns]. scratch: muon_matrix_scratch() numbers, of which the
 * result is a part; x is overwritten. */
const real *muon_orthogonalize(real *x, int64_t rows, int64_t columns, real *scratch);
int64_t muon_matrix_scratch(int64_t rows, int64_t columns);

#endif

/* Variable projection (Golub & Pereyra 1973, doi:10.1137/0710036): for given exponents the
 * chinchilla law is linear in E, A and B, which follow by least squares with E, A, B >= 0. Only two
 * numbers remain to be searched, so this second method needs no starting points. */
#ifndef TRAIN_SCALING_VARPRO_H
#define TRAIN_SCALING_VARPRO_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "train/scaling/law.h"

typedef struct Varpro {
    double values[5]; /* E, A, B, alpha, beta */
    double objective; /* the sum of the losses of law / loss - 1 */
    int64_t solved;   /* least-squares problems */
} Varpro;

/* Exponents between 0.01 and 3. huber: of law / loss - 1, linear beyond; INFINITY: squares.
 * E_NOMEM; E_DATA: fewer than 5 points. */
Status varpro_fit(const LawPoint *points, int64_t count, double huber, Varpro *v);

#endif

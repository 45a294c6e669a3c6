/* What a fit makes small: the sum of Huber losses of log law - log loss over weighted points, and the two
 * ways down.
 *
 * Logarithms of N, D and C are taken from their means, which makes theta's parts nearly independent:
 * objective_centre() and objective_uncentre() lead there and back. Read only while it is in use: threads
 * may share one and have weights of their own. */
#ifndef TRAIN_SCALING_OBJECTIVE_H
#define TRAIN_SCALING_OBJECTIVE_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "train/scaling/law.h"

typedef struct Objective {
    LawKind law;
    int parameters;
    int64_t count;
    const LawPoint *point;   /* [count], as they came divided by the means */
    const double *n, *d, *y; /* [count]: log N, log D from their means, log loss */
    double mean_n, mean_d, mean_c, mean_y;
    double huber;
    unsigned fixed; /* bit i: theta[i] stays as it is */
} Objective;

/* Second order of an objective at a theta: gradient, Hessian, and what the Hessian would be if the law were
 * linear and each residual's loss the parabola through it (never indefinite). Lower triangles. */
typedef struct Curvature {
    double g[LAW_PARAMETERS_MAX], h[LAW_PARAMETERS_MAX * LAW_PARAMETERS_MAX],
        m[LAW_PARAMETERS_MAX * LAW_PARAMETERS_MAX];
} Curvature;

/* law: one of LAW_FORMS. Points are positive and finite, but for params and tokens if the law is of flops. Not
 * centred: theta is as law.h has it, so that single parameters can be fixed. E_NOMEM. */
Status objective_init(Objective *o, LawKind law, const LawPoint *points, int64_t count,
                      double huber, bool centred, Arena *arena);
void objective_centre(const Objective *o, double *theta);
void objective_uncentre(const Objective *o, double *theta);

/* At a centred theta, losses linear beyond `huber`; weight: [count], times each point counts, NULL: once.
 * c may be NULL. Not finite where the law is not. */
double objective_at(const Objective *o, const double *weight, double huber, const double *theta,
                    Curvature *c);

/* From anywhere to where laws make sense: theta is brought into the box of what could be (a term of the sum is
 * between a thousandth and ten times the loss at the points' centre, exponents between 0.02 and 3), and there
 * near to the least squares, by Marquardt's method with steps that are linear in the coefficients. A term
 * too small to be felt at a far start has no gradient; this is what leads back from there. */
void descend_box(const Objective *o, const double *weight, double *theta);

/* From there to the least of the Huber losses, by Newton's method; returns it. Steps are cut back in the metric m,
 * so that scales do not matter. */
double descend_newton(const Objective *o, const double *weight, double *theta);

/* How many there are. Of the chinchilla law 4500, those of Hoffmann et al. 2022 (2203.15556, app. D.3): alpha
 * and beta in {0, 0.5, ..., 2}, log E in {-1, ..., 1}, log A and log B in {0, 5, ..., 25}. */
int64_t starts_count(LawKind law);

/* The which-th, centred. */
void starts_take(const Objective *o, int64_t which, double *theta);

#endif

/* The objective of a fit, the sum of Huber losses of log law - log loss over weighted points, and
 * its minimizers.
 *
 * log N, log D and log C are centred on their means, which makes the components of theta nearly
 * independent; objective_centre() and objective_uncentre() convert theta. Threads may share an
 * Objective, each with its own weights. */
#ifndef TRAIN_SCALING_OBJECTIVE_H
#define TRAIN_SCALING_OBJECTIVE_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "train/scaling/law.h"

typedef struct Objective {
    LawKind law;
    int parameters;
    int64_t count;
    const LawPoint *point;   /* [count], divided by the geometric means */
    const double *n, *d, *y; /* [count]: centred log N and log D, log loss */
    double mean_n, mean_d, mean_c, mean_y;
    double huber;
    unsigned fixed; /* bit i: theta[i] is not fitted */
} Objective;

/* Derivatives of an objective: gradient g, Hessian h, and the Gauss-Newton approximation m of the
 * Hessian, which is never indefinite. Lower triangles. */
typedef struct Curvature {
    double g[LAW_PARAMETERS_MAX], h[LAW_PARAMETERS_MAX * LAW_PARAMETERS_MAX],
        m[LAW_PARAMETERS_MAX * LAW_PARAMETERS_MAX];
} Curvature;

/* law: one of LAW_FORMS. Points are positive and finite; LAW_COMPUTE ignores params and tokens.
 * centred = false leaves theta as in law.h, so that single parameters can be fixed. E_NOMEM. */
Status objective_init(Objective *o, LawKind law, const LawPoint *points, int64_t count,
                      double huber, bool centred, Arena *arena);
void objective_centre(const Objective *o, double *theta);
void objective_uncentre(const Objective *o, double *theta);

/* The objective at a centred theta with the Huber threshold `huber`. weight: [count], NULL: all 1.
 * Fills c unless NULL. Not finite where the law is not. */
double objective_at(const Objective *o, const double *weight, double huber, const double *theta,
                    Curvature *c);

/* First stage: moves theta into a box of plausible values (each term between 0.001 and 10 times the
 * loss at the centre of the points, exponents between 0.02 and 3), then approaches the
 * least-squares fit by the Levenberg-Marquardt method, with steps linear in the coefficients. Far
 * starting points need it: there a term can be too small to have a gradient. */
void descend_box(const Objective *o, const double *weight, double *theta);

/* Second stage: minimizes the Huber objective by Newton's method, damped in the metric m, which
 * makes it independent of scales. Returns the minimum. */
double descend_newton(const Objective *o, const double *weight, double *theta);

/* The number of starting points. For chinchilla 4500, those of Hoffmann et al. 2022 (2203.15556,
 * app. D.3): alpha and beta in {0, 0.5, ..., 2}, log E in {-1, ..., 1}, log A and log B in {0, 5,
 * ..., 25}. */
int64_t starts_count(LawKind law);

/* Starting point i, centred. */
void starts_take(const Objective *o, int64_t i, double *theta);

#endif

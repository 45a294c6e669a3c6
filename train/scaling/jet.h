/* Jets: a number with its first and second derivatives by up to LAW_PARAMETERS_MAX variables, so that a
 * formula written once is its own gradient and Hessian. For formulas that are too long to differentiate by
 * hand and are not the hot loop. */
#ifndef TRAIN_SCALING_JET_H
#define TRAIN_SCALING_JET_H

#include <math.h>

#include "train/scaling/law.h"

typedef struct Jet {
    double v, g[LAW_PARAMETERS_MAX], h[LAW_PARAMETERS_MAX][LAW_PARAMETERS_MAX];
} Jet;

static inline Jet jet_number(double v)
{
    return (Jet){.v = v};
}

static inline Jet jet_variable(double v, int which)
{
    Jet x = {.v = v};
    x.g[which] = 1;
    return x;
}

/* f(x), given f and its derivatives at x.v. */
static inline Jet jet_chain(const Jet *x, double f, double f1, double f2)
{
    Jet y = {.v = f};
    for (int i = 0; i < LAW_PARAMETERS_MAX; i++) {
        y.g[i] = f1 * x->g[i];
        for (int j = 0; j < LAW_PARAMETERS_MAX; j++)
            y.h[i][j] = f1 * x->h[i][j] + f2 * x->g[i] * x->g[j];
    }
    return y;
}

static inline Jet jet_exp(Jet x)
{
    const double e = exp(x.v);
    return jet_chain(&x, e, e, e);
}

static inline Jet jet_log(Jet x)
{
    return jet_chain(&x, log(x.v), 1 / x.v, -1 / (x.v * x.v));
}

static inline Jet jet_over(Jet x)
{
    return jet_chain(&x, 1 / x.v, -1 / (x.v * x.v), 2 / (x.v * x.v * x.v));
}

static inline Jet jet_times(double a, Jet x)
{
    return jet_chain(&x, a * x.v, a, 0);
}

static inline Jet jet_plus(double a, Jet x)
{
    x.v += a;
    return x;
}

static inline Jet jet_add(Jet x, Jet y)
{
    for (int i = 0; i < LAW_PARAMETERS_MAX; i++) {
        x.g[i] += y.g[i];
        for (int j = 0; j < LAW_PARAMETERS_MAX; j++) x.h[i][j] += y.h[i][j];
    }
    x.v += y.v;
    return x;
}

static inline Jet jet_mul(Jet x, Jet y)
{
    Jet z = {.v = x.v * y.v};
    for (int i = 0; i < LAW_PARAMETERS_MAX; i++) {
        z.g[i] = x.v * y.g[i] + y.v * x.g[i];
        for (int j = 0; j < LAW_PARAMETERS_MAX; j++)
            z.h[i][j] = x.v * y.h[i][j] + y.v * x.h[i][j] + x.g[i] * y.g[j] + x.g[j] * y.g[i];
    }
    return z;
}

#endif

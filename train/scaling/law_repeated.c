/* The law `repeated`. Its formula is long and not in a hot loop, so it is differentiated
 * automatically: a Jet is a number with its first and second derivatives (forward mode) with
 * respect to theta. */
#include <math.h>

#include "train/scaling/law.h"

typedef struct Jet {
    double v, g[LAW_PARAMETERS_MAX], h[LAW_PARAMETERS_MAX][LAW_PARAMETERS_MAX];
} Jet;

static Jet jet_number(double v)
{
    return (Jet){.v = v};
}

static Jet jet_variable(double v, int which)
{
    Jet x = {.v = v};
    x.g[which] = 1;
    return x;
}

/* f(x), given f and its derivatives at x.v. */
static Jet jet_chain(const Jet *x, double f, double f1, double f2)
{
    Jet y = {.v = f};
    for (int i = 0; i < LAW_PARAMETERS_MAX; i++) {
        y.g[i] = f1 * x->g[i];
        for (int j = 0; j < LAW_PARAMETERS_MAX; j++)
            y.h[i][j] = f1 * x->h[i][j] + f2 * x->g[i] * x->g[j];
    }
    return y;
}

static Jet jet_exp(Jet x)
{
    const double e = exp(x.v);
    return jet_chain(&x, e, e, e);
}

static Jet jet_log(Jet x)
{
    return jet_chain(&x, log(x.v), 1 / x.v, -1 / (x.v * x.v));
}

static Jet jet_over(Jet x)
{
    return jet_chain(&x, 1 / x.v, -1 / (x.v * x.v), 2 / (x.v * x.v * x.v));
}

static Jet jet_times(double a, Jet x)
{
    return jet_chain(&x, a * x.v, a, 0);
}

static Jet jet_plus(double a, Jet x)
{
    x.v += a;
    return x;
}

static Jet jet_add(Jet x, Jet y)
{
    for (int i = 0; i < LAW_PARAMETERS_MAX; i++) {
        x.g[i] += y.g[i];
        for (int j = 0; j < LAW_PARAMETERS_MAX; j++) x.h[i][j] += y.h[i][j];
    }
    x.v += y.v;
    return x;
}

static Jet jet_mul(Jet x, Jet y)
{
    Jet z = {.v = x.v * y.v};
    for (int i = 0; i < LAW_PARAMETERS_MAX; i++) {
        z.g[i] = x.v * y.g[i] + y.v * x.g[i];
        for (int j = 0; j < LAW_PARAMETERS_MAX; j++)
            z.h[i][j] = x.v * y.h[i][j] + y.v * x.h[i][j] + x.g[i] * y.g[j] + x.g[j] * y.g[i];
    }
    return z;
}

/* log of U + U R (1 - exp(-(x/U - 1)/R)): the effective number of x items of which U are unique;
 * Muennighoff et al. 2023, eq. 5 and 6. */
static Jet log_effective(double x, Jet u, Jet log_r)
{
    const Jet r = jet_exp(log_r), extra = jet_plus(-1, jet_times(x, jet_over(u)));
    const Jet decayed = jet_exp(jet_times(-1, jet_mul(extra, jet_over(r))));
    const Jet factor = jet_plus(1, jet_mul(r, jet_plus(1, jet_times(-1, decayed))));
    return jet_add(jet_log(u), jet_log(factor));
}

double law_repeated_log_loss(const double *theta, const LawPoint *p, double *g, double *h)
{
    Jet t[7];
    for (int i = 0; i < 7; i++) t[i] = jet_variable(theta[i], i);
    const Jet e = t[0], a = t[1], b = t[2], alpha = t[3], beta = t[4];
    const double unique = p->unique > 0 && p->unique < p->tokens ? p->unique : p->tokens;
    /* The optimal number of parameters for the unique tokens, by the chinchilla law. */
    const Jet ratio = jet_add(jet_add(a, jet_log(alpha)), jet_times(-1, jet_add(b, jet_log(beta))));
    const Jet log_optimal = jet_mul(jet_add(ratio, jet_times(log(unique), beta)), jet_over(alpha));
    Jet log_n = jet_number(log(p->params));
    if (log_optimal.v < log_n.v) log_n = log_effective(p->params, jet_exp(log_optimal), t[6]);
    const Jet log_d = log_effective(p->tokens, jet_number(unique), t[5]);
    const Jet x = jet_exp(jet_add(a, jet_times(-1, jet_mul(alpha, log_n))));
    const Jet y = jet_exp(jet_add(b, jet_times(-1, jet_mul(beta, log_d))));
    const Jet result = jet_log(jet_add(jet_exp(e), jet_add(x, y)));
    for (int i = 0; i < 7; i++) {
        if (g) g[i] = result.g[i];
        for (int j = 0; h && j < 7; j++) h[i * 7 + j] = result.h[i][j];
    }
    return result.v;
}

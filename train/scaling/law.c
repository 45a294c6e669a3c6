#include "train/scaling/law.h"

#include <math.h>
#include <string.h>

#include "autograd/base/error.h"
#include "train/scaling/jet.h"

static const struct {
    const char *name, *text;
} laws[] = {
#define X(constant, name, text) {name, text},
    LAW_LIST(X)
#undef X
};

/* Of theta, in the order of the parameters' names: a logarithm or the number itself, but for kaplan's, which
 * is (p, q, r, s) with log L = s log(exp(p - r log N) + exp(q - log D)). */
static const char *const names[LAW_COUNT][LAW_PARAMETERS_MAX] = {
    [LAW_CHINCHILLA] = {"E", "A", "B", "alpha", "beta"},
    [LAW_KAPLAN] = {"Nc", "Dc", "alpha_N", "alpha_D"},
    [LAW_COMPUTE] = {"E", "A", "alpha"},
    [LAW_REPEATED] = {"E", "A", "B", "alpha", "beta", "RD", "RN"},
    [LAW_APPROACH1] = {"N0", "a", "D0", "b"},
    [LAW_APPROACH2] = {"N0", "a", "D0", "b"},
};
static const char *const logarithms[LAW_COUNT] = {
    [LAW_CHINCHILLA] = "lll..", [LAW_KAPLAN] = "....",    [LAW_COMPUTE] = "ll.",
    [LAW_REPEATED] = "lll..ll", [LAW_APPROACH1] = "l.l.", [LAW_APPROACH2] = "l.l.",
};

const char *law_name(LawKind kind)
{
    return laws[kind].name;
}

const char *law_text(LawKind kind)
{
    return laws[kind].text;
}

bool law_find(const char *name, LawKind *kind)
{
    for (int i = 0; i < LAW_COUNT; i++)
        if (!strcmp(name, laws[i].name)) {
            *kind = (LawKind)i;
            return true;
        }
    return false;
}

int law_parameters(LawKind kind)
{
    return (int)strlen(logarithms[kind]);
}

const char *law_parameter(LawKind kind, int which)
{
    return names[kind][which];
}

void law_values(LawKind kind, const double *theta, double *values)
{
    if (kind == LAW_KAPLAN) {
        const double p = theta[0], q = theta[1], r = theta[2], s = theta[3];
        values[0] = exp(p / r), values[1] = exp(q), values[2] = r * s, values[3] = s;
        return;
    }
    for (int i = 0; i < law_parameters(kind); i++)
        values[i] = logarithms[kind][i] == 'l' ? exp(theta[i]) : theta[i];
}

void law_theta(LawKind kind, const double *values, double *theta)
{
    if (kind == LAW_KAPLAN) {
        const double nc = values[0], dc = values[1], n = values[2], d = values[3];
        theta[0] = n / d * log(nc), theta[1] = log(dc), theta[2] = n / d, theta[3] = d;
        return;
    }
    for (int i = 0; i < law_parameters(kind); i++)
        theta[i] = logarithms[kind][i] == 'l' ? log(values[i]) : values[i];
}

/* log of the sum of exp(theta[k] - theta[slope[k]] * feature[k]), k < terms; slope 0: none. */
static double sum_of_terms(int terms, const int *slope, const double *feature, const double *theta,
                           int count, double *g, double *h)
{
    double u[3], most = -INFINITY, sum = 0, share[3];
    for (int k = 0; k < terms; k++) {
        u[k] = theta[k] - (slope[k] ? theta[slope[k]] : 1) * feature[k];
        if (u[k] > most) most = u[k];
    }
    for (int k = 0; k < terms; k++) sum += share[k] = exp(u[k] - most);
    if (!g) return most + log(sum);
    for (int i = 0; i < count; i++) g[i] = 0;
    for (int k = 0; k < terms; k++) {
        share[k] /= sum;
        g[k] = share[k];
        if (slope[k]) g[slope[k]] = -share[k] * feature[k];
    }
    for (int i = 0; h && i < count; i++)
        for (int j = 0; j < count; j++) h[i * count + j] = -g[i] * g[j];
    for (int k = 0; h && k < terms; k++) {
        const int s = slope[k];
        h[k * count + k] += share[k];
        if (!s) continue;
        h[k * count + s] -= share[k] * feature[k];
        h[s * count + k] -= share[k] * feature[k];
        h[s * count + s] += share[k] * feature[k] * feature[k];
    }
    return most + log(sum);
}

static double kaplan(const double *theta, const LawPoint *p, double *g, double *h)
{
    static const int slope[] = {2, 0};
    const double feature[] = {log(p->params), log(p->tokens)}, s = theta[3];
    const double sum = sum_of_terms(2, slope, feature, theta, 4, g, h);
    for (int i = 0; g && i < 3; i++) {
        for (int j = 0; h && j < 3; j++) h[i * 4 + j] *= s;
        if (h) h[i * 4 + 3] = h[3 * 4 + i] = g[i];
        g[i] *= s;
    }
    if (h) h[3 * 4 + 3] = 0;
    if (g) g[3] = sum;
    return s * sum;
}

/* log of U + U R (1 - exp(-(x/U - 1)/R)), the worth of x of which U are unique: eq. 5 and 6 there. */
static Jet log_worth(double x, Jet u, Jet log_r)
{
    const Jet r = jet_exp(log_r), extra = jet_plus(-1, jet_times(x, jet_over(u)));
    const Jet decayed = jet_exp(jet_times(-1, jet_mul(extra, jet_over(r))));
    const Jet factor = jet_plus(1, jet_mul(r, jet_plus(1, jet_times(-1, decayed))));
    return jet_add(jet_log(u), jet_log(factor));
}

static double repeated(const double *theta, const LawPoint *p, double *g, double *h)
{
    Jet t[7];
    for (int i = 0; i < 7; i++) t[i] = jet_variable(theta[i], i);
    const Jet e = t[0], a = t[1], b = t[2], alpha = t[3], beta = t[4];
    const double unique = p->unique > 0 && p->unique < p->tokens ? p->unique : p->tokens;
    /* The parameters that would be optimal for the unique tokens, by the chinchilla law. */
    const Jet ratio = jet_add(jet_add(a, jet_log(alpha)), jet_times(-1, jet_add(b, jet_log(beta))));
    const Jet log_optimal = jet_mul(jet_add(ratio, jet_times(log(unique), beta)), jet_over(alpha));
    Jet log_n = jet_number(log(p->params));
    if (log_optimal.v < log_n.v) log_n = log_worth(p->params, jet_exp(log_optimal), t[6]);
    const Jet log_d = log_worth(p->tokens, jet_number(unique), t[5]);
    const Jet x = jet_exp(jet_add(a, jet_times(-1, jet_mul(alpha, log_n))));
    const Jet y = jet_exp(jet_add(b, jet_times(-1, jet_mul(beta, log_d))));
    const Jet result = jet_log(jet_add(jet_exp(e), jet_add(x, y)));
    for (int i = 0; i < 7; i++) {
        if (g) g[i] = result.g[i];
        for (int j = 0; h && j < 7; j++) h[i * 7 + j] = result.h[i][j];
    }
    return result.v;
}

double law_log_loss(LawKind kind, const double *theta, const LawPoint *p, double *g, double *h)
{
    static const int of_both[] = {0, 3, 4}, of_compute[] = {0, 2};
    switch (kind) {
    case LAW_CHINCHILLA: {
        const double feature[] = {0, log(p->params), log(p->tokens)};
        return sum_of_terms(3, of_both, feature, theta, 5, g, h);
    }
    case LAW_COMPUTE: {
        const double feature[] = {0, log(p->flops)};
        return sum_of_terms(2, of_compute, feature, theta, 3, g, h);
    }
    case LAW_KAPLAN: return kaplan(theta, p, g, h);
    case LAW_REPEATED: return repeated(theta, p, g, h);
    default: break;
    }
    INVARIANT(kind < LAW_FORMS);
    return NAN;
}

double law_loss(LawKind kind, const double *theta, const LawPoint *p)
{
    return exp(law_log_loss(kind, theta, p, NULL, NULL));
}

bool law_optimum(LawKind kind, const double *theta, double flops, double per, double *params,
                 double *tokens)
{
    const double pairs = log(flops / per); /* of a parameter and a token */
    double n;
    switch (kind) {
    case LAW_CHINCHILLA:
    case LAW_REPEATED:
        n = (theta[1] + log(theta[3]) - theta[2] - log(theta[4]) + theta[4] * pairs) /
            (theta[3] + theta[4]);
        break;
    case LAW_KAPLAN: n = (log(theta[2]) + theta[0] - theta[1] + pairs) / (1 + theta[2]); break;
    case LAW_APPROACH1:
    case LAW_APPROACH2:
        *params = exp(theta[0] + theta[1] * log(flops));
        *tokens = exp(theta[2] + theta[3] * log(flops));
        return true;
    default: return false;
    }
    *params = exp(n);
    *tokens = exp(pairs - n);
    return true;
}

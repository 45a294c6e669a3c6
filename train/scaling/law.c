#include "train/scaling/law.h"

#include <math.h>
#include <string.h>

#include "autograd/base/error.h"

static const struct {
    const char *name, *text;
} laws[] = {
#define X(constant, name, text) {name, text},
    LAW_LIST(X)
#undef X
};

/* How theta stores each parameter, in the order of names: 'l' as a logarithm, '.' as it is. The
 * theta of kaplan is (p, q, r, s) with log L = s log(exp(p - r log N) + exp(q - log D)). */
static const char *const names[LAW_COUNT][LAW_PARAMETERS_MAX] = {
    [LAW_CHINCHILLA] = {"E", "A", "B", "alpha", "beta"},
    [LAW_KAPLAN] = {"Nc", "Dc", "alpha_N", "alpha_D"},
    [LAW_COMPUTE] = {"E", "A", "alpha"},
    [LAW_REPEATED] = {"E", "A", "B", "alpha", "beta", "RD", "RN"},
    [LAW_FRONTIER] = {"L", "b", "l"},
    [LAW_APPROACH1] = {"N0", "a", "D0", "b"},
    [LAW_APPROACH2] = {"N0", "a", "D0", "b"},
};
static const char *const logarithms[LAW_COUNT] = {
    [LAW_CHINCHILLA] = "lll..", [LAW_KAPLAN] = "....",  [LAW_COMPUTE] = "ll.",
    [LAW_REPEATED] = "lll..ll", [LAW_FRONTIER] = "...", [LAW_APPROACH1] = "l.l.",
    [LAW_APPROACH2] = "l.l.",
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
    case LAW_REPEATED: return law_repeated_log_loss(theta, p, g, h);
    default: break;
    }
    INVARIANT(kind < LAW_FORMS);
    return NAN;
}

double law_loss(LawKind kind, const double *theta, const LawPoint *p)
{
    return exp(law_log_loss(kind, theta, p, NULL, NULL));
}

bool law_optimum(LawKind kind, const double *theta, double flops, double flop_factor,
                 double *params, double *tokens)
{
    const double log_product = log(flops / flop_factor); /* log(N D) */
    double n;
    switch (kind) {
    case LAW_CHINCHILLA:
    case LAW_REPEATED:
        n = (theta[1] + log(theta[3]) - theta[2] - log(theta[4]) + theta[4] * log_product) /
            (theta[3] + theta[4]);
        break;
    case LAW_KAPLAN:
        n = (log(theta[2]) + theta[0] - theta[1] + log_product) / (1 + theta[2]);
        break;
    case LAW_APPROACH1:
    case LAW_APPROACH2:
        *params = exp(theta[0] + theta[1] * log(flops));
        *tokens = exp(theta[2] + theta[3] * log(flops));
        return true;
    default: return false;
    }
    *params = exp(n);
    *tokens = exp(log_product - n);
    return true;
}

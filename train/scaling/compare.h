/* Compares laws by likelihood and by their error on runs that they were not fitted to. */
#ifndef TRAIN_SCALING_COMPARE_H
#define TRAIN_SCALING_COMPARE_H

#include "train/scaling/fit.h"

/* The log likelihood of residuals with the normalized density exp(-Huber(r / s)) / s, maximized
 * over the scale s, as in Besiroglu et al. 2024 (2404.10102). */
double compare_likelihood(const double *residual, int64_t count, double huber);

/* The probability that a chi-squared variable with `degrees` degrees of freedom exceeds x. */
double compare_p_value(double x, int degrees);

typedef struct Comparison {
    LawKind law;
    bool is_fitted;                    /* false: the points do not support it */
    int parameters;                    /* aic counts one more, the residuals' scale */
    double objective, likelihood, aic; /* NAN: frontier has no likelihood of single runs */
    int64_t judged;                    /* number of test points: see compare_laws() */
    double error; /* on them: root mean square of log law - log loss; NAN: none */
    double bias;  /* on them: mean of log law - log loss */
} Comparison;

/* Fits each of LAW_LOSSES (`repeated` only if tokens repeat) to all points, and tests it on the
 * held-out points. If there are none, tests a fit without the largest budget (flops within an
 * eighth of the maximum) on that budget. E_NOMEM, E_DATA: no law fits. */
Status compare_laws(const LawPoint *points, int64_t count, const LawPoint *held, int64_t held_count,
                    const FitOptions *options, Comparison out[LAW_LOSSES]);

/* Likelihood-ratio test of a fit against the same law with given parameters (mask: bit i fixes
 * parameter i at value[i]). */
typedef struct Ratio {
    double statistic; /* twice the difference of log likelihoods */
    int degrees;
    double p; /* p-value of the hypothesis that the given values are true */
    double objective;
} Ratio;

Status compare_given(const FitResult *free, const LawPoint *points, const FitOptions *options,
                     unsigned mask, const double *value, Ratio *ratio);

#endif

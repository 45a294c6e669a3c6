/* Comparing laws: by likelihood, and by what they say of runs they have not seen. */
#ifndef TRAIN_SCALING_COMPARE_H
#define TRAIN_SCALING_COMPARE_H

#include "train/scaling/fit.h"

/* The logarithm of the likelihood of residuals whose density is exp(-Huber(r / s)) / s, made one, at the s that
 * makes it greatest; Besiroglu et al. 2024 (2404.10102) use the same. */
double compare_likelihood(const double *residual, int64_t count, double huber);

/* How likely a chi-squared variable of that many degrees of freedom is greater than x. */
double compare_chance(double x, int degrees);

typedef struct Comparison {
    LawKind law;
    bool is_fitted; /* or the points cannot carry it */
    int parameters; /* and the residuals' scale on top, in aic */
    double objective, likelihood, aic;
    int64_t judged; /* points it has not seen: see compare_laws() */
    double error;   /* root mean square of log loss there; NAN: none */
    double bias;    /* mean of log law - log loss there */
} Comparison;

/* Each of LAW_FORMS (repeated only where tokens repeat) fitted to all points; and judged by the held-out ones or, if
 * there are none, by those of the largest budget (flops within an eighth of the most), fitted without them.
 * E_NOMEM, E_DATA: not one law fits. */
Status compare_laws(const LawPoint *points, int64_t count, const LawPoint *held, int64_t held_count,
                    const FitOptions *options, Comparison out[LAW_FORMS]);

/* A law against the same with some parameters given (mask: bit i is parameter i, at value[i]). */
typedef struct Ratio {
    double statistic; /* twice the difference of log likelihoods */
    int degrees;
    double chance; /* of that much or more if they are right */
    double objective;
} Ratio;

Status compare_given(const FitResult *free, const LawPoint *points, const FitOptions *options,
                     unsigned mask, const double *value, Ratio *ratio);

#endif

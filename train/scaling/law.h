/* Scaling laws: the loss of a trained model as a function of its size and of what it has seen.
 *
 * N: parameters, D: tokens, C: floating-point operations; losses in nats a token.
 *
 *   chinchilla  L = E + A/N^alpha + B/D^beta                    Hoffmann et al. 2022, 2203.15556, eq. 10
 *   kaplan      L = ((Nc/N)^(alpha_N/alpha_D) + Dc/D)^alpha_D   Kaplan et al. 2020, 2001.08361, eq. 1.5
 *   compute     L = E + A/C^alpha, of the best at each C
 *   repeated    chinchilla of N' and D', which repeated tokens and parameters that are too many for the
 *               unique ones raise less and less                 Muennighoff et al. 2023, 2305.16264, sec. 3
 *   approach1   the best run at each C, from training curves: N = N0 C^a, D = D0 C^b   2203.15556, 3.1
 *   approach2   the lowest point of the losses at each C: likewise                     2203.15556, 3.2
 *
 * Inside, a law is a vector `theta` without bounds: logarithms of what must be positive. */
#ifndef TRAIN_SCALING_LAW_H
#define TRAIN_SCALING_LAW_H

#include <stdbool.h>
#include <stdint.h>

/* X(constant, name, what it is). The first LAW_FORMS say a loss; the others only what is optimal. */
#define LAW_LIST(X)                                                        \
    X(LAW_CHINCHILLA, "chinchilla", "E + A/N^alpha + B/D^beta")            \
    X(LAW_KAPLAN, "kaplan", "((Nc/N)^(alpha_N/alpha_D) + Dc/D)^alpha_D")   \
    X(LAW_COMPUTE, "compute", "E + A/C^alpha")                             \
    X(LAW_REPEATED, "repeated", "chinchilla, with tokens seen repeatedly") \
    X(LAW_APPROACH1, "approach1", "best runs along the training curves")   \
    X(LAW_APPROACH2, "approach2", "lowest points of the losses by compute")

#define X(constant, name, text) constant,
typedef enum LawKind { LAW_LIST(X) LAW_COUNT } LawKind;
#undef X
#define LAW_FORMS LAW_APPROACH1
enum { LAW_PARAMETERS_MAX = 7 };

/* A run, or a moment of one: what it had, and the loss held out. */
typedef struct LawPoint {
    double params, tokens, flops, loss;
    double unique; /* tokens that are different; 0: all */
    int64_t run;   /* points of one run share it: its training curve. 0: those of equal params do */
} LawPoint;

const char *law_name(LawKind kind);
const char *law_text(LawKind kind);
bool law_find(const char *name, LawKind *kind); /* false: there is no such law */

int law_parameters(LawKind kind);                   /* how many */
const char *law_parameter(LawKind kind, int which); /* "E", "A", "B", "alpha", "beta" */

/* Between theta and the parameters as they are printed, both [law_parameters()]. */
void law_values(LawKind kind, const double *theta, double *values);
void law_theta(LawKind kind, const double *values, double *theta);

/* The loss that a law (one of LAW_FORMS) says of p, whose own loss is not looked at. */
double law_loss(LawKind kind, const double *theta, const LawPoint *p);

/* The logarithm of the same; g [parameters] is its gradient by theta, h [parameters^2] its Hessian. Both may be NULL. */
double law_log_loss(LawKind kind, const double *theta, const LawPoint *p, double *g, double *h);

/* The params and tokens of least loss that `flops` = per * params * tokens can pay; false for laws that do
 * not say (compute). flops_per_token_and_parameter is 6 by the usual convention. */
bool law_optimum(LawKind kind, const double *theta, double flops, double per, double *params,
                 double *tokens);

#endif

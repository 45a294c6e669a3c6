/* Scaling laws: the loss of a trained model as a function of its size and its training tokens.
 *
 * N: parameters, D: tokens, C: FLOPs; losses in nats per token.
 *
 *   chinchilla  L = E + A/N^alpha + B/D^beta               Hoffmann et al. 2022, 2203.15556, eq. 10
 *   kaplan      L = ((Nc/N)^(alpha_N/alpha_D) + Dc/D)^alpha_D  Kaplan et al. 2020, 2001.08361, 1.5
 *   compute     L = E + A/C^alpha, for the best run at each C
 *   repeated    chinchilla with effective N' and D': repeated tokens and excess parameters have
 *               diminishing value                     Muennighoff et al. 2023, 2305.16264, sec. 3
 *   frontier    the lowest loss at each C, continued by a family of curves:
 *                                                                 train/scaling/frontier.h
 *   approach1   the best run at each C, from training curves: N = N0 C^a, D = D0 C^b
 *                                                                     Hoffmann et al., sec. 3.1
 *   approach2   the same from the minimum of the losses at each C     Hoffmann et al., sec. 3.2
 *
 * Internally a law is an unbounded vector `theta`: positive parameters are stored as logarithms. */
#ifndef TRAIN_SCALING_LAW_H
#define TRAIN_SCALING_LAW_H

#include <stdbool.h>
#include <stdint.h>

/* X(constant, name, description). The first LAW_FORMS are forms with parameters theta, the first
 * LAW_LOSSES give a loss; the others only the optimum. */
#define LAW_LIST(X)                                                          \
    X(LAW_CHINCHILLA, "chinchilla", "E + A/N^alpha + B/D^beta")              \
    X(LAW_KAPLAN, "kaplan", "((Nc/N)^(alpha_N/alpha_D) + Dc/D)^alpha_D")     \
    X(LAW_COMPUTE, "compute", "E + A/C^alpha")                               \
    X(LAW_REPEATED, "repeated", "chinchilla, with tokens seen repeatedly")   \
    X(LAW_FRONTIER, "frontier", "the lowest loss at each budget, continued") \
    X(LAW_APPROACH1, "approach1", "best runs along the training curves")     \
    X(LAW_APPROACH2, "approach2", "lowest points of the losses by compute")

#define X(constant, name, text) constant,
typedef enum LawKind { LAW_LIST(X) LAW_COUNT } LawKind;
#undef X
#define LAW_FORMS  LAW_FRONTIER
#define LAW_LOSSES LAW_APPROACH1
enum { LAW_PARAMETERS_MAX = 7 };

/* A run, or one evaluation of a run, with its validation loss. */
typedef struct LawPoint {
    double params, tokens, flops, loss;
    double unique;    /* unique tokens; 0: all */
    int64_t run;      /* the training curve; 0: points of equal params form a curve */
    const char *path; /* of the file it was read from; NULL: none */
    int64_t line;     /* there; 0: it has no lines */
} LawPoint;

const char *law_name(LawKind kind);
const char *law_text(LawKind kind);
bool law_find(const char *name, LawKind *kind); /* false: there is no such law */

int law_parameters(LawKind kind);                   /* their number */
const char *law_parameter(LawKind kind, int which); /* "E", "A", "B", "alpha", "beta" */

/* Convert between theta and the parameters as printed, both [law_parameters()]. */
void law_values(LawKind kind, const double *theta, double *values);
void law_theta(LawKind kind, const double *values, double *theta);

/* The loss by a law (one of LAW_FORMS) at p; p->loss is not used. */
double law_loss(LawKind kind, const double *theta, const LawPoint *p);

/* Its logarithm; g [parameters]: gradient with respect to theta, h [parameters^2]: Hessian; NULL:
 * not wanted. */
double law_log_loss(LawKind kind, const double *theta, const LawPoint *p, double *g, double *h);

/* The part of law_log_loss() for LAW_REPEATED. */
double law_repeated_log_loss(const double *theta, const LawPoint *p, double *g, double *h);

/* The params and tokens of lowest loss at `flops` = flop_factor * params * tokens; false for laws
 * that give none (compute). flop_factor is 6 by the common convention. */
bool law_optimum(LawKind kind, const double *theta, double flops, double flop_factor,
                 double *params, double *tokens);

#endif

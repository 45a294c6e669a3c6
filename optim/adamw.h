/* AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, as PyTorch computes it. */
#ifndef OPTIM_ADAMW_H
#define OPTIM_ADAMW_H

#include "autograd/base/schema.h"
#include "autograd/params.h"

/* clang-format off */
/* [optim]     name         default   min   max       help */
#define OPTIM_SETTINGS(S, INT, REAL, BOOL, TEXT)                                                       \
    REAL(S, lr,             1e-3,     0,    10,       "learning rate at the top of the schedule")      \
    REAL(S, beta1,          0.9,      0,    0.999999, "decay of the mean of the gradient")             \
    REAL(S, beta2,          0.95,     0,    0.999999, "decay of the mean of its square")               \
    REAL(S, eps,            1e-8,     1e-30, 1,       "added to the root of that mean")                \
    REAL(S, weight_decay,   0.1,      0,    10,       "decoupled, of parameters of rank 2 only")       \
    REAL(S, clip,           1.0,      0,    1e9,      "longest the gradient may be; 0: any length")    \
    BOOL(S, update_clip,    false,              "a smaller step for a parameter whose gradient is larger than usual: lr / max(1, RMS_t)") \
    TEXT(S, schedule,       "cosine", "constant|linear|cosine|wsd", "how the learning rate falls")     \
    INT (S, warmup,         100,      0,    1e12,     "steps over which the learning rate rises")      \
    REAL(S, min_lr,         -1,      -1,    10,       "where it ends: 0 to lr; -1: a tenth of lr")       \
    INT (S, decay_steps,    0,        0,    1e12,     "step at which it gets there; 0: train.steps")   \
    REAL(S, cooldown,       0.2,      0,    1,        "wsd: last share of decay_steps, in which it falls")
/* clang-format on */

typedef struct OptimConfig {
    SCHEMA_FIELDS(OPTIM_SETTINGS)
} OptimConfig;

/* Replaces min_lr and decay_steps by what they stand for. */
void optim_resolve(OptimConfig *c, int64_t steps);

/* What no single row can say: E_CONFIG. */
Status optim_check(const OptimConfig *c);

/* The length of the gradient: the square root of the sum of squares, summed in double in a fixed order.
 * norms, unless NULL: [params_named()], that of each parameter's own. */
double grad_norm(const Params *p, double *norms);

/* What an update did to one parameter: PARAM_SIGNAL_LIST of train/monitor/history.h. */
typedef struct UpdateStats {
    double grad;   /* left as it is: see grad_norm() */
    double value;  /* length before the update */
    double update; /* length of the change */
    /* RMS_t, the root of the mean of g^2 / max(v, eps^2); v is this update's, its bias corrected. */
    double rms;
} UpdateStats;

/* One update of size lr, the step-th (from 1), on the gradients that p holds times grad_scale (clipping:
 * see clip_scale). A parameter's step is lr times its rate (Param.rate); weight decay is lr times weight_decay
 * whatever the rate. One pass over value, grad, m and v (two if c->update_clip). stats, unless NULL:
 * [params_named()], filled; they change no bit of the update. */
void adamw_step(Params *p, const OptimConfig *c, double lr, double grad_scale, int64_t step,
                UpdateStats *stats);

/* What PyTorch's clip_grad_norm_ multiplies with: min(1, limit / (norm + 1e-6)); 1 if limit is 0. */
double clip_scale(double norm, double limit);

#endif

/* AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, as PyTorch computes it. */
#ifndef OPTIM_ADAMW_H
#define OPTIM_ADAMW_H

#include "autograd/base/schema.h"
#include "autograd/params.h"

#define SCHEDULE_CHOICES(X) \
    X(SCHEDULE, constant) X(SCHEDULE, linear) X(SCHEDULE, cosine) X(SCHEDULE, wsd)
CHOICES(Schedule, SCHEDULE_CHOICES, schedule_text)

/* clang-format off */
/* [optim] name, default, min, max, help */
#define OPTIM_SETTINGS(S, INT, REAL, BOOL, TEXT, CHOICE, AUTO) \
    REAL(S, lr,               1e-3,     0,      10, "peak learning rate") \
    REAL(S, beta1,             0.9,     0, 0.999999, \
         "AdamW's beta1: decay rate of the gradient's moving average") \
    REAL(S, beta2,            0.95,     0, 0.999999, \
         "AdamW's beta2: decay rate of the squared gradient's moving average") \
    REAL(S, eps,              1e-8, 1e-30,       1, \
         "AdamW's epsilon, added to the square root of that average") \
    REAL(S, weight_decay,      0.1,     0,      10, \
         "decoupled weight decay, of parameters of rank 2 only") \
    REAL(S, clip,              1.0,     0,     1e9, "maximum gradient norm; 0: no clipping") \
    BOOL(S, update_clip,     false, \
         "update clipping: a parameter whose gradient is unusually large learns at lr / max(1, " \
         "RMS_t)") \
    CHOICE(S, schedule, cosine, Schedule, SCHEDULE_CHOICES, \
         "learning-rate schedule after the warm-up", SETTING_SCHEDULE) \
    INT (S, warmup,            100,     0,    1e12, \
         "warm-up steps, over which the learning rate rises linearly", SETTING_SCHEDULE) \
    REAL(S, warmup_share,        0,     0,       1, \
         "warm-up as a share of train.steps when the run starts; 0: optim.warmup", \
         SETTING_SCHEDULE | SETTING_ADDED) \
    REAL(S, min_lr,             -1,    -1,      10, \
         "final learning rate, 0 to optim.lr; -1: a tenth of optim.lr", SETTING_SCHEDULE) \
    INT (S, decay_steps,         0,     0,    1e12, \
         "step at which the learning rate reaches min_lr; 0: train.steps", SETTING_SCHEDULE) \
    REAL(S, cooldown,          0.2,     0,       1, \
         "wsd: length of the final decay, as a share of decay_steps", SETTING_SCHEDULE)
/* clang-format on */

typedef struct OptimConfig {
    SCHEMA_FIELDS(OPTIM_SETTINGS)
    double resolved_share; /* the warmup_share that optim_resolve() replaced by warmup; 0: none */
} OptimConfig;

/* Replaces min_lr -1 and decay_steps 0 by the defaults, and warmup_share by the steps of warmup. */
void optim_resolve(OptimConfig *c, int64_t steps);

/* Checks settings against each other. E_CONFIG. */
Status optim_check(const OptimConfig *c);

/* The L2 norm of the gradient, summed in double in a fixed order. norms [params_named()], unless
 * NULL: the norm of each parameter's gradient. */
double grad_norm(const Params *p, double *norms);

/* The effect of an update on one parameter: PARAM_SIGNAL_LIST of train/monitor/history.h. */
typedef struct UpdateStats {
    double grad;   /* not set here: see grad_norm() */
    double value;  /* L2 norm before the update */
    double update; /* L2 norm of the change */
    /* RMS_t, the root of the mean of g^2 / max(v, eps^2), with this update's bias-corrected v. */
    double rms;
} UpdateStats;

/* One update, of step `step` (from 1) with learning rate lr, by the gradients of p times grad_scale
 * (clipping: see clip_scale). A parameter's step is lr times its rate (Param.rate); weight decay is
 * lr times weight_decay whatever the rate. One pass over value, grad, m and v (two if
 * c->update_clip). stats, unless NULL: [params_named()], filled; they change no bit of the
 * update. */
void adamw_step(Params *p, const OptimConfig *c, double lr, double grad_scale, int64_t step,
                UpdateStats *stats);

/* The factor of PyTorch's clip_grad_norm_: min(1, limit / (norm + 1e-6)); 1 if limit is 0. */
double clip_scale(double norm, double limit);

#endif

/* The optimizers: settings, gradient norm, clipping, and one update by the one that optim.optimizer
 * names. */
#ifndef OPTIM_OPTIM_H
#define OPTIM_OPTIM_H

#include "autograd/base/schema.h"
#include "autograd/params.h"

#define SCHEDULE_CHOICES(X) \
    X(SCHEDULE, constant) X(SCHEDULE, linear) X(SCHEDULE, cosine) X(SCHEDULE, wsd)
CHOICES(Schedule, SCHEDULE_CHOICES, schedule_text)

#define OPTIMIZER_CHOICES(X) X(OPTIMIZER, adamw) X(OPTIMIZER, muon) X(OPTIMIZER, lion)
CHOICES(Optimizer, OPTIMIZER_CHOICES, optimizer_text)

/* clang-format off */
/* [optim] name, default, min, max, help */
#define OPTIM_SETTINGS(S, INT, REAL, BOOL, TEXT, CHOICE, AUTO) \
    CHOICE(S, optimizer, adamw, Optimizer, OPTIMIZER_CHOICES, \
         "muon: Muon for the matrices of blocks, AdamW for the rest", SETTING_ADDED) \
    REAL(S, lr,               1e-3,     0,      10, "peak learning rate") \
    REAL(S, beta1,             0.9,     0, 0.999999, \
         "decay rate of the gradient's moving average (AdamW); Lion's beta1") \
    REAL(S, beta2,            0.95,     0, 0.999999, \
         "decay rate of the squared gradient's moving average (AdamW); Lion's beta2") \
    REAL(S, eps,              1e-8, 1e-30,       1, \
         "AdamW's epsilon, added to the square root of that average") \
    REAL(S, weight_decay,      0.1,     0,      10, \
         "decoupled weight decay, of parameters of rank 2 only") \
    REAL(S, muon_lr,          0.02,     0,      10, \
         "Muon's peak learning rate, which follows the schedule of optim.lr", SETTING_ADDED) \
    REAL(S, muon_momentum,    0.95,     0, 0.999999, \
         "Muon: decay rate of the gradient's moving average", SETTING_ADDED) \
    REAL(S, l1,                  0,     0,      10, \
         "proximal L1: each update ends by moving what decays towards 0 by lr l1", SETTING_ADDED) \
    REAL(S, l2,                  0,     0,      10, \
         "coupled L2: adds l2 times the parameter to the gradient of what decays", SETTING_ADDED) \
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
    /* RMS_t, the root of the mean of g^2 / max(v, eps^2), with this update's bias-corrected v; NAN
     * without v. */
    double rms;
} UpdateStats;

/* Before params_alloc(): sets has_v of each parameter, and scratch_count for threads_team(). */
void optim_choose(const OptimConfig *c, Params *p);

/* FLOPs of an update's matrix products. */
double optim_flops(const OptimConfig *c, const Params *p);

/* One update, of step `step` (from 1) with learning rate lr, by the gradients of p times grad_scale
 * (clipping: see clip_scale). stats, unless NULL: [params_named()], filled; they change no bit of
 * the update. */
void optim_step(Params *p, const OptimConfig *c, double lr, double grad_scale, int64_t step,
                UpdateStats *stats);

/* The factor of PyTorch's clip_grad_norm_: min(1, limit / (norm + 1e-6)); 1 if limit is 0. */
double clip_scale(double norm, double limit);

#endif

/* The settings of the loss-spike monitor. */
#ifndef TRAIN_CONFIG_MONITOR_SETTINGS_H
#define TRAIN_CONFIG_MONITOR_SETTINGS_H

#include "autograd/base/schema.h"

#define ACTION_CHOICES(X) \
    X(ACTION, off) X(ACTION, warn) X(ACTION, skip) X(ACTION, clip) X(ACTION, rewind)
#define RULE_CHOICES(X) X(RULE, robust) X(RULE, olmo) X(RULE, llmc) X(RULE, ratio)
#define INJECT_CHOICES(X) \
    X(INJECT, none)       \
    X(INJECT, random)     \
    X(INJECT, shuffle) X(INJECT, constant) X(INJECT, document) X(INJECT, gradient) X(INJECT, nan)

CHOICES(MonitorAction, ACTION_CHOICES, action_text)
CHOICES(SpikeRule, RULE_CHOICES, rule_text)
CHOICES(InjectFault, INJECT_CHOICES, inject_text)

/* clang-format off */
/* [monitor] name, default, min, max, help */
#define MONITOR_SETTINGS(S, INT, REAL, BOOL, TEXT, CHOICE, AUTO) \
    CHOICE(S, action, warn, MonitorAction, ACTION_CHOICES, \
         "response to a loss spike; off: no monitor; warn: report it and keep the step; skip: " \
         "drop the batch, without an update; clip: clip outlying gradients (ZClip); rewind: " \
         "return to a snapshot and drop the batches around the spike") \
    CHOICE(S, rule, robust, SpikeRule, RULE_CHOICES, \
         "spike detector; robust: median and MAD of the accepted steps; the others as in those " \
         "projects, outliers included (train/monitor/detector.h)") \
    INT (S, window,              0,     0,     1e6, \
         "steps in the baseline; 0: 128, or train.steps if that is less") \
    INT (S, guard,              64,     2,     1e9, \
         "steps, and values in the baseline, before any step is judged; learning-rate warm-up " \
         "is never judged") \
    REAL(S, loss_z,              8,     1,     1e9, \
         "robust z-score of the loss above which a step is a spike; for olmo and llmc: " \
         "standard deviations, of the gradient norm too (OLMo-core: 6)") \
    REAL(S, grad_norm_z,        10,     1,     1e9, \
         "robust z-score of the log gradient norm above which a step is a spike") \
    REAL(S, grad_norm_floor,   0.2,  1e-3,       1, \
         "least spread of the log gradient norm in that score: norms within a factor of " \
         "exp(grad_norm_floor grad_norm_z) of the median are no spikes, however steady they were", \
         SETTING_ADDED) \
    REAL(S, update_z,           10,     0,     1e9, \
         "robust z-score of the log update norm above which the monitor warns; 0: never", \
         SETTING_MAY_CHANGE) \
    REAL(S, attention_warn,     50,     0,     1e9, \
         "attention logit above which the monitor warns; 0: never", SETTING_MAY_CHANGE) \
    REAL(S, attention_severe,  1000,     0,     1e9, \
         "attention logit above which a bundle is saved, as for a spike; 0: never", \
         SETTING_MAY_CHANGE) \
    REAL(S, rms_warn,           -1,    -1,     1e9, \
         "RMS_t of a parameter (root mean square of g^2/v) above which the monitor warns; 0: " \
         "never; -1: 12 / sqrt(1 + 144 (1 - optim.beta2)), its value for a gradient twelve " \
         "times the baseline", SETTING_MAY_CHANGE) \
    REAL(S, log_z_warn,         50,     0,     1e9, \
         "absolute mean log Z of the output above which the monitor warns; 0: never", \
         SETTING_MAY_CHANGE) \
    INT (S, skip_run,           10,     1,     1e9, \
         "most batches in a row that are skipped or kept out of the baseline; then the next " \
         "one is accepted and the baseline starts again") \
    REAL(S, skip_share,       0.05, 0.005,       1, \
         "the same limit, as a share of 200 batches: of a series, and of the last 200 when " \
         "another series begins") \
    INT (S, snapshot_every,     -1,    -1,    1e12, \
         "steps between snapshots for rewind; 0: none; -1: 50 if action = rewind, else none") \
    INT (S, snapshots,           3,     1,     1e6, "newest snapshots to keep") \
    INT (S, rewind_steps,       10,     0,     1e9, "rewind: fewest steps to go back") \
    INT (S, drop_before,         1,     0,     1e6, \
         "rewind: batches to drop before the flagged one") \
    INT (S, drop_after,          1,     0,     1e6, \
         "rewind: batches to drop after the flagged one; eight times as many at each further " \
         "attempt at the same step, up to 200") \
    INT (S, attempts,            4,     1,     1e6, \
         "rewind: most attempts at one step; the second half of them also lower the learning " \
         "rate; then the run stops with exit code 4") \
    REAL(S, lower_rate,        0.5, 0.001,       1, \
         "rewind: factor by which these later attempts lower the learning rate, for the rest of " \
         "the run") \
    INT (S, bundles,             5,     0,     1e6, \
         "most spikes per run that are saved in full, for `capstan explain` and `capstan " \
         "replay`; each takes the disk space of about two checkpoints", SETTING_MAY_CHANGE) \
    BOOL(S, telemetry,       true, "record statistics of each block and parameter at each step") \
    CHOICE(S, inject, none, InjectFault, INJECT_CHOICES, \
         "fault injection, to study spikes; random: batches of random tokens; shuffle: targets " \
         "in random order; constant: one token only; document: one document of random tokens; " \
         "gradient: gradients times inject_factor; nan: a NaN in the op inject_where") \
    INT (S, inject_batch,        0,     0,    1e15, "first batch with the fault, from 1") \
    INT (S, inject_count,        1,     1,    1e12, "number of batches with the fault") \
    REAL(S, inject_factor,    1000,     0,    1e30, "inject = gradient: factor of the gradients") \
    TEXT(S, inject_where,    "", \
         "inject = nan: the op, as SCOPE/OP or SCOPE/OP/backward, for example " \
         "blocks.0.mlp/linear")
/* clang-format on */

typedef struct MonitorConfig {
    SCHEMA_FIELDS(MONITOR_SETTINGS)
} MonitorConfig;

/* Checks that involve several settings, for a run of `steps` steps: E_CONFIG. */
Status monitor_check(const MonitorConfig *c, int64_t steps);

/* The values behind window = 0, snapshot_every = -1 and rms_warn = -1. */
int64_t monitor_window(const MonitorConfig *c, int64_t steps);
int64_t monitor_snapshot_every(const MonitorConfig *c);
double monitor_rms_warn(const MonitorConfig *c, double beta2);

#endif

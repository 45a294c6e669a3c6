/* The settings of the loss-spike monitor. */
#ifndef TRAIN_CONFIG_MONITOR_SETTINGS_H
#define TRAIN_CONFIG_MONITOR_SETTINGS_H

#include "autograd/base/schema.h"

/* clang-format off */
/* [monitor]   name              default    min    max     help */
#define MONITOR_SETTINGS(S, INT, REAL, BOOL, TEXT)                                                            \
    TEXT(S, action,           "warn",   "off|warn|skip|clip|rewind", "at a spike; off: no monitor; warn: say so, take the batch; skip: as if the batch had never been; clip: shorten outlying gradients (ZClip); rewind: go back, drop the batches around it, go on") \
    TEXT(S, rule,             "robust", "robust|olmo|llmc|ratio", "what is a spike; robust: median and MAD of accepted values; the others as in those projects, outliers included (see train/monitor/detector.h)") \
    INT (S, window,           0,         0,    1e6,   "values that a new one is held against; 0: 128, or train.steps if that is less") \
    INT (S, guard,            64,        2,    1e9,   "values in the window, and updates, before anything is judged; the warm-up of the learning rate is not judged either") \
    REAL(S, loss_z,           6,         1,    1e9,   "robust z of the loss above which it is a spike; under olmo and llmc: standard deviations, of the gradient too") \
    REAL(S, grad_norm_z,      10,        1,    1e9,   "robust z of the gradient norm's logarithm above which it is a spike") \
    REAL(S, update_z,         10,        0,    1e9,   "robust z of the update norm's logarithm above which there is a warning; 0: none") \
    REAL(S, attention_warn,   50,        0,    1e9,   "attention logit above which there is a warning; 0: none") \
    REAL(S, attention_severe, 1000,      0,    1e9,   "attention logit above which what is known is kept as of a spike; 0: none") \
    REAL(S, rms_warn,         -1,       -1,    1e9,   "RMS_t, root mean square of g^2/v of a parameter, above which there is a warning; 0: none; -1: what twelve times the usual gradient gives, 12 / sqrt(1 + 144 (1 - optim.beta2))") \
    REAL(S, log_z_warn,       50,        0,    1e9,   "size of the output's mean log Z above which there is a warning; 0: none") \
    INT (S, skip_run,         10,        1,    1e9,   "most batches skipped, or kept out of the window, in a row: then the next is taken and the window starts anew") \
    REAL(S, skip_share,       0.05,      0.005, 1,    "the same, as a share of the last 200 batches")          \
    INT (S, snapshot_every,  -1,        -1,    1e12,  "updates between snapshots to rewind to; 0: none; -1: 50 under rewind, else none") \
    INT (S, snapshots,        3,         1,    1e6,   "newest snapshots kept")                                 \
    INT (S, rewind_steps,     10,        0,    1e9,   "rewind: at least so many updates back")                 \
    INT (S, drop_before,      1,         0,    1e6,   "rewind: batches dropped before the flagged one")        \
    INT (S, drop_after,       1,         0,    1e6,   "rewind: batches dropped after it; at each further attempt at one place eight times as many, up to 200") \
    INT (S, attempts,         4,         1,    1e6,   "rewind: most at one place; the first half drop batches, the others lower the rate as well; then the run stops with exit code 4") \
    REAL(S, lower_rate,       0.5,       0.001, 1,    "rewind: what the learning rate is multiplied by from then on") \
    INT (S, bundles,          5,         0,    1e6,   "most spikes a run keeps everything of, for capstan explain and replay; one takes about two checkpoints of room") \
    BOOL(S, telemetry,        true,                   "measure each block and parameter at each step")         \
    TEXT(S, inject,           "none",    "none|random|shuffle|constant|document|gradient|nan", "a fault to study; random: batches of random tokens; shuffle: targets in random order; constant: one token only; document: one document of random tokens; gradient: times inject_factor; nan: at inject_where") \
    INT (S, inject_batch,      0,         0,    1e15,  "the batch where the fault begins, from 1")              \
    INT (S, inject_count,     1,         1,    1e12,  "batches that it lasts")                                 \
    REAL(S, inject_factor,    1000,      0,    1e30,  "inject = gradient: what it is multiplied by")           \
    TEXT(S, inject_where,     "",        NULL,        "inject = nan: SCOPE/OP or SCOPE/OP/backward, as in blocks.0.mlp/linear")
/* clang-format on */

typedef struct MonitorConfig {
    SCHEMA_FIELDS(MONITOR_SETTINGS)
} MonitorConfig;

/* What no single row can say, in a run of so many updates: E_CONFIG. */
Status monitor_check(const MonitorConfig *c, int64_t steps);

/* What window = 0, snapshot_every = -1 and rms_warn = -1 stand for. */
int64_t monitor_window(const MonitorConfig *c, int64_t steps);
int64_t monitor_snapshot_every(const MonitorConfig *c);
double monitor_rms_warn(const MonitorConfig *c, double beta2);

#endif

/* The detector: whether a loss and a gradient norm stand out from those before.
 *
 * Whatever the rule, what is not finite is a class of its own, SPIKE_NONFINITE, and enters no window.
 *
 *     robust  z = (x - median) / max(1.4826 MAD, floor) over the last `window` values that were accepted, of
 *             the loss (floor 0.001) and of the logarithm of the gradient norm (floor 0.01); a spike if
 *             z > loss_z or z > grad_norm_z. 1.4826 MAD is the standard deviation of what is normal
 *             (Rousseeuw & Croux 1993). Rejected values never enter, so a run of bad batches cannot
 *             hide itself; nor can one huge value.
 *     olmo    mean and unbiased standard deviation of the last `window` values, spikes included, without
 *             the newest; a spike unless x <= mean + loss_z deviations, of the loss and of the norm itself;
 *             from half a window on (OLMo-core, SkipStepOptimizer: 128 and 6).
 *     llmc    z = (x - mean) / sqrt(mean of squares - mean^2) over the last `window` values, spikes and the
 *             newest included, as running sums; from a full window on; a spike if z > loss_z. It cannot
 *             exceed sqrt(window - 1), and cancellation can make it not a number: then it is none (llm.c,
 *             outlier_detector.h: 128).
 *     ratio   a spike from the fifth loss in a row that is at least twice the mean of the last `window`,
 *             spikes included, or, after 200 steps, if at least half of those are above 10; from a full
 *             window on; blind to the gradient (llm-foundry, KillLossSpike: 100).
 *
 * The robust z is computed under every rule: what rejects a value then is the rule. */
#ifndef TRAIN_MONITOR_DETECTOR_H
#define TRAIN_MONITOR_DETECTOR_H

#include <stdbool.h>

#include "train/config/monitor_settings.h"
#include "train/monitor/window.h"

#define SPIKE_CLASS_LIST(X) \
    X(NONE, "none")         \
    X(LOSS, "loss")         \
    X(GRADIENT, "gradient") \
    X(NONFINITE, "nonfinite")

#define X(id, name) SPIKE_##id,
typedef enum SpikeClass { SPIKE_CLASS_LIST(X) SPIKE_CLASSES } SpikeClass;
#undef X

const char *spike_class_name(SpikeClass c);

/* A series as the rules olmo, llmc and ratio see it: all finite values, in order. */
typedef struct Series {
    Window window;
    double sum, squares; /* llmc's running sums */
} Series;

typedef struct Detector {
    int64_t window, guard;
    SpikeRule rule;
    double loss_z, grad_norm_z;
    Window loss, log_norm;     /* accepted ones */
    Series all_loss, all_norm; /* of the rules other than robust */
    int64_t high,
        judged_values; /* ratio: losses in a row that were twice the mean; values ever seen */
} Detector;

typedef struct Finding {
    SpikeClass flag;
    double loss_z, grad_norm_z; /* robust; NAN: too early to judge, or not finite */
} Finding;

Status detector_open(Detector *d, Arena *a, const MonitorConfig *c, int64_t steps);

/* What a loss and a gradient norm are. Nothing flagged unless `judge` is set (the guard) and there are
 * enough values. The series of all values moves on; the windows of accepted ones do not. */
Finding detector_look(Detector *d, double loss, double grad_norm, bool judge);

/* Takes finite values into the windows of accepted ones. */
void detector_accept(Detector *d, double loss, double grad_norm);

/* The windows start anew: these values are from now on what is usual. */
void detector_restart(Detector *d);

/* x against a window, as robust says; NAN if there are too few values. */
double detector_z(const Window *w, double x, double floor, int64_t guard);

/* The logarithm of a length, of 0 as of the smallest number. */
double detector_log(double norm);

#endif

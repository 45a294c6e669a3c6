/* The detector: is a loss or a gradient norm an outlier?
 *
 * Under every rule a value that is not finite is a class of its own, SPIKE_NONFINITE, and enters no
 * window.
 *
 *     robust  z = (x - median) / max(1.4826 MAD, floor) over the last `window` accepted values, of
 *             the loss (floor 0.001) and of the logarithm of the gradient norm (floor
 *             grad_norm_floor); a spike if z > loss_z or z > grad_norm_z. 1.4826 MAD estimates the
 *             standard deviation of normally distributed values (Rousseeuw & Croux 1993). Rejected
 *             values never enter, so neither a series of bad batches nor one huge value can hide
 *             the next spike. Unusual: no spike, but a loss with z above 3/4 of loss_z, or a norm
 *             whose z is above grad_norm_z with a floor of 0.01.
 *     olmo    mean and unbiased standard deviation of the last `window` values, spikes included,
 *             without the newest; a spike unless x <= mean + loss_z deviations, for the loss and
 *             for the norm itself; active from half a window on (OLMo-core, SkipStepOptimizer: 128
 *             and 6).
 *     llmc    z = (x - mean) / sqrt(mean of squares - mean^2) over the last `window` values, spikes
 *             and the newest included, as running sums; active from a full window on; a spike if z
 *             > loss_z. z is at most sqrt(window - 1); if cancellation makes it NaN, the value is
 *             no spike (llm.c, outlier_detector.h: 128).
 *     ratio   a spike from the fifth loss in a row that is at least twice the mean of the last
 *             `window`, spikes included, or, after 200 steps, if at least half of them are above
 *             10; active from a full window on; ignores the gradient (llm-foundry, KillLossSpike:
 *             100).
 *
 * The robust z is computed under every rule; the rule alone decides.
 *
 * After a restart, while the windows fill, the baseline before it is kept aside, and taken back as
 * soon as what follows fits it better: RETURN_RUN values in a row within half of its thresholds, or
 * one such value that is a spike by the new baseline. */
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

/* All finite values in order, for the rules olmo, llmc and ratio. */
typedef struct Series {
    Window window;
    double sum, squares; /* running sums of llmc */
} Series;

typedef struct Detector {
    int64_t window, guard;
    int rule;
    double loss_z, grad_norm_z, grad_norm_floor;
    Window loss, log_norm;         /* accepted values */
    Window old_loss, old_log_norm; /* the baseline before a restart; empty: none is kept */
    int64_t returned;              /* values in a row that fit it */
    Series all_loss, all_norm;     /* of the rules other than robust */
    int64_t high;                  /* ratio: losses in a row that were at least twice the mean */
    int64_t judged_values;         /* finite values so far */
} Detector;

typedef struct Finding {
    SpikeClass flag;
    SpikeClass
        unusual; /* loss or gradient, if flag is none; an entry of the baseline all the same */
    double loss_z, grad_norm_z; /* robust; NAN: too few values to judge, or not finite */
} Finding;

Status detector_open(Detector *d, Arena *a, const MonitorConfig *c, int64_t steps);

/* Classifies a loss and a gradient norm; flags none unless may_judge is set and there are enough
 * values. Adds to the series of all values, not to the windows of accepted ones. */
Finding detector_classify(Detector *d, double loss, double grad_norm, bool may_judge);

/* Adds finite values to the windows of accepted values. */
void detector_accept(Detector *d, double loss, double grad_norm);

/* Empties all windows: the baseline is learned again from the next values. Under the rule robust, a
 * baseline of at least `guard` values is kept aside. */
void detector_restart(Detector *d);

/* The robust z of x against a window; NAN if the window has too few values. */
double detector_z(const Window *w, double x, double floor, int64_t guard);

/* The logarithm of a norm; a norm of 0 counts as the smallest normal number. */
double detector_log(double norm);

#endif

/* ZClip: a limit for the gradient norm that adapts to its running mean and variance (Kumar et al.
 * 2025, arXiv:2504.02507; as in bluorion-com/ZClip).
 *
 * Mean and variance start from the first 25 norms and continue as exponential averages with factor
 * 0.97. A norm of z = (norm - mean) / (deviation + 1e-6) > 2.5 is clipped to mean + 2.5 deviations
 * / (z / 2.5), and the averages take the clipped norm, so outliers do not widen them. */
#ifndef TRAIN_MONITOR_ZCLIP_H
#define TRAIN_MONITOR_ZCLIP_H

#include <stdint.h>

enum { ZCLIP_FIRST = 25 };

typedef struct ZClip {
    int64_t count; /* norms seen */
    double mean, variance;
    double first[ZCLIP_FIRST];
} ZClip;

/* The norm to clip a gradient of this finite norm to; norm itself if it is no outlier. */
double zclip_limit(const ZClip *z, double norm);

/* Adds a norm, as clipped by zclip_limit(). */
void zclip_feed(ZClip *z, double norm);

#endif

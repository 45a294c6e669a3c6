/* ZClip: a limit for the gradient norm that follows its usual size (Kumar et al. 2025, arXiv:2504.02507, as
 * bluorion-com/ZClip does it).
 *
 * Mean and variance of the norm begin as those of the first 25 and go on as averages with factor 0.97; a
 * norm of z = (norm - mean) / (deviation + 1e-6) > 2.5 is cut to mean + 2.5 deviations / (z / 2.5), and
 * the averages are fed what it was cut to: outliers do not widen them. */
#ifndef TRAIN_MONITOR_ZCLIP_H
#define TRAIN_MONITOR_ZCLIP_H

#include <stdint.h>

enum { ZCLIP_FIRST = 25 };

typedef struct ZClip {
    int64_t count; /* norms seen */
    double mean, variance;
    double first[ZCLIP_FIRST];
} ZClip;

/* What a gradient of this finite norm is to be cut to; norm itself if it is none too long. */
double zclip_limit(const ZClip *z, double norm);

/* Feeds a norm, as it was after zclip_limit(). */
void zclip_feed(ZClip *z, double norm);

#endif

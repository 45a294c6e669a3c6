#include "train/monitor/zclip.h"

#include <math.h>

static const double KEEP = 0.97, MOST_Z = 2.5;

double zclip_limit(const ZClip *z, double norm)
{
    if (z->count < ZCLIP_FIRST) return norm;
    const double deviation = sqrt(z->variance), score = (norm - z->mean) / (deviation + 1e-6);
    return score > MOST_Z ? z->mean + MOST_Z * deviation / (score / MOST_Z) : norm;
}

static void begin(ZClip *z)
{
    for (int i = 0; i < ZCLIP_FIRST; i++) z->mean += z->first[i] / ZCLIP_FIRST;
    for (int i = 0; i < ZCLIP_FIRST; i++)
        z->variance += (z->first[i] - z->mean) * (z->first[i] - z->mean) / ZCLIP_FIRST;
}

void zclip_feed(ZClip *z, double norm)
{
    if (z->count < ZCLIP_FIRST) {
        z->first[z->count++] = norm;
        if (z->count == ZCLIP_FIRST) begin(z);
        return;
    }
    z->count++;
    z->mean = KEEP * z->mean + (1 - KEEP) * norm;
    z->variance = KEEP * z->variance + (1 - KEEP) * (norm - z->mean) * (norm - z->mean);
}

#include "train/sweep/estimate.h"

#include <math.h>
#include <stdlib.h>

Status estimate_open(Estimate *e, int64_t count)
{
    *e = (Estimate){calloc((size_t)count + 1, sizeof *e->rates), count};
    return e->rates ? OK : FAIL(E_NOMEM, "an estimate of %lld runs", (long long)count);
}

static double flops(const Cell *c, int64_t steps)
{
    return c->run.flops * (double)steps / (double)c->run.steps;
}

void estimate_note(Estimate *e, const Cell *cells, int64_t i, int64_t steps, double seconds)
{
    if (i < e->count && steps > 0 && seconds > 0) e->rates[i] = seconds / flops(&cells[i], steps);
}

double estimate_seconds(const Estimate *e, const Cell *cells, int64_t i, int64_t steps)
{
    int64_t best = -1;
    double least = INFINITY;
    for (int64_t j = 0; j < e->count; j++) {
        const double apart = fabs(log((double)cells[j].run.params / (double)cells[i].run.params));
        if (e->rates[j] > 0 && apart < least) best = j, least = apart;
    }
    return best < 0 ? 0 : flops(&cells[i], steps) * e->rates[best];
}

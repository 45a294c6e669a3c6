/* A schedule returns the share of lr - min_lr that remains at a step after the warm-up. */
#include "optim/schedule.h"

#include <math.h>

/* Progress from the end of the warm-up to decay_steps: 0 to 1. */
static double progress(const OptimConfig *c, int64_t step)
{
    const double done = (double)(step - c->warmup), all = (double)(c->decay_steps - c->warmup);
    return done < all ? done / all : 1;
}

static double constant(const OptimConfig *c, int64_t step)
{
    (void)c, (void)step;
    return 1;
}

static double linear(const OptimConfig *c, int64_t step)
{
    return 1 - progress(c, step);
}

/* Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5, without restarts. */
static double cosine(const OptimConfig *c, int64_t step)
{
    return (1 + cos(acos(-1) * progress(c, step))) / 2;
}

/* Warm-up, stable, decay: Hu et al. 2024, arXiv:2404.06395, section 4; decay by 1 - sqrt: Hägele
 * et al. 2024, arXiv:2405.18392, section 3. */
static double wsd(const OptimConfig *c, int64_t step)
{
    const double length = c->cooldown * (double)c->decay_steps;
    const double done = (double)step - ((double)c->decay_steps - length);
    if (done <= 0) return 1;
    return done < length ? 1 - sqrt(done / length) : 0;
}

static double (*const schedules[])(const OptimConfig *c, int64_t step) = {
#define X(PREFIX, name) [PREFIX##_##name] = name,
    SCHEDULE_CHOICES(X)
#undef X
};

double learning_rate(const OptimConfig *c, int64_t step)
{
    if (step <= c->warmup) return c->lr * ((double)step / (double)c->warmup);
    const double left = schedules[c->schedule](c, step);
    return left < 1 ? c->min_lr + (c->lr - c->min_lr) * left : c->lr;
}

int64_t schedule_parting(const OptimConfig *a, const OptimConfig *b, int64_t steps)
{
    int64_t step = 1;
    while (step <= steps && learning_rate(a, step) == learning_rate(b, step)) step++;
    return step;
}

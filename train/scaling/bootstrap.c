#include "train/scaling/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "train/support/quantile.h"

enum { MAX = LAW_PARAMETERS_MAX, BLOCK = 16, REDRAWS = 100 };

/* Below this trust in its estimate, the stretch is 1. */
static const double TRUST_MIN = 0.1;

typedef struct Draws {
    const Objective *objective;
    FitProgress *progress;
    const double *best;
    Rng rng;
    double *weight;   /* [team, points] */
    double *y;        /* [team, points] */
    double *residual; /* [pool]: resampled by simulations */
    int64_t pool;
    double *theta;    /* [count, parameters], centred */
    bool *is_missing; /* [count] */
    int64_t simulations;
    double *needed; /* [simulations, parameters] */
} Draws;

static int compare_size(const void *a, const void *b)
{
    const double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* Resamples o's points (draw b) and refits; false if too few points are distinct, or the fit is not
 * finite. */
static bool redraw(const Objective *o, Rng rng, uint64_t b, const double *best, double *weight,
                   double *theta)
{
    int64_t different = 0;
    memset(weight, 0, sizeof *weight * (size_t)o->count);
    for (int64_t i = 0; i < o->count; i++)
        different += weight[rng_below(rng, (uint64_t)i, b, (uint64_t)o->count)]++ == 0;
    memcpy(theta, best, sizeof *theta * (size_t)o->parameters);
    return different > o->parameters && isfinite(descend_newton(o, weight, theta));
}

static void redraw_range(const void *context, int64_t begin, int64_t end, int worker)
{
    const Draws *d = context;
    const Objective *o = d->objective;
    for (int64_t b = begin; b < end; b++) {
        d->is_missing[b] = !redraw(o, d->rng, (uint64_t)b, d->best, d->weight + worker * o->count,
                                   d->theta + b * o->parameters);
        fit_progress_add(d->progress, worker);
    }
}

/* The factor by which the central 90 % of x [count] must be stretched around `found` to include
 * `truth`. */
static double needed_stretch(double *x, int64_t count, double found, double truth)
{
    sort_numbers(x, count);
    const double end = quantile(x, count, truth > found ? 0.95 : 0.05);
    const double ratio = (truth - found) / (end - found);
    return ratio >= 0 ? ratio : INFINITY; /* all draws are on the other side */
}

/* Simulates datasets, fits and bootstraps each, and notes the stretch that each parameter would
 * need. */
static void simulate_range(const void *context, int64_t begin, int64_t end, int worker)
{
    const Draws *d = context;
    Objective o = *d->objective;
    double *y = d->y + worker * o.count, *weight = d->weight + worker * o.count;
    double theta[MAX], drawn[MAX], all[MAX][REDRAWS];
    for (int64_t w = begin; w < end; w++) {
        for (int64_t i = 0; i < o.count; i++)
            y[i] = law_log_loss(o.law, d->best, &o.point[i], NULL, NULL) +
                   d->residual[rng_below(d->rng, (uint64_t)i, (uint64_t)w, (uint64_t)d->pool)];
        o.y = y;
        memcpy(theta, d->best, sizeof theta);
        descend_newton(&o, NULL, theta);
        int64_t kept = 0;
        for (int64_t b = 0; b < REDRAWS; b++) {
            const uint64_t which = (uint64_t)(d->simulations + w * REDRAWS + b);
            if (!redraw(&o, d->rng, which, theta, weight, drawn)) continue;
            for (int j = 0; j < o.parameters; j++) all[j][kept] = drawn[j];
            kept++;
        }
        for (int j = 0; j < o.parameters; j++)
            d->needed[w * o.parameters + j] =
                kept < REDRAWS / 2 || o.fixed >> j & 1
                    ? NAN
                    : needed_stretch(all[j], kept, theta[j], d->best[j]);
        fit_progress_add(d->progress, worker);
    }
}

/* How far the estimate of the stretch is trusted: the simulations determine it to about 0.06, and
 * its expected distance from 1 is about 2 parameters / points. Where that is smaller, the estimate
 * is mostly noise. */
static double trust_in_stretch(const Objective *o)
{
    const double expected = 2 * (double)o->parameters / (double)o->count, chance = 0.06;
    return expected * expected / (expected * expected + chance * chance);
}

/* The stretch with which 90 % of the simulated intervals include the truth. */
static double stretch_of(Draws *d)
{
    const Objective *o = d->objective;
    const double trust = trust_in_stretch(o);
    if (trust < TRUST_MIN) return 1;
    for (int64_t i = 0; i < o->count; i++)
        d->residual[i] = o->y[i] - law_log_loss(o->law, d->best, &o->point[i], NULL, NULL);
    qsort(d->residual, (size_t)o->count, sizeof *d->residual, compare_size);
    d->residual += o->parameters;
    d->pool = o->count - o->parameters;
    fit_progress_begin(d->progress, "simulations", d->simulations);
    threads_range(d->simulations, 4, simulate_range, d);
    int64_t kept = 0;
    for (int64_t i = 0; i < d->simulations * o->parameters; i++)
        if (!isnan(d->needed[i])) d->needed[kept++] = d->needed[i];
    if (kept < d->simulations / 2) return 1;
    sort_numbers(d->needed, kept);
    const double stretch = quantile(d->needed, kept, 0.9);
    if (!isfinite(stretch)) return 1;
    return exp(trust * log(fmax(0.5, fmin(2, stretch))));
}

Status bootstrap(const Objective *o, const double *theta, const FitOptions *f, Arena *arena,
                 Bootstrap *b)
{
    const int64_t count = f->bootstraps, simulations = f->simulations;
    Draws d = {.objective = o, .progress = f->progress, .best = theta, .simulations = simulations};
    *b = (Bootstrap){.stretch = 1};
    if (!count || o->count < 2 * o->parameters) return OK;
    const int64_t own = o->count * (int64_t)sizeof(double);
    d.weight = arena_take(arena, threads_team() * own);
    d.y = arena_take(arena, threads_team() * own);
    d.residual = arena_take(arena, own);
    d.theta = arena_take(arena, count * o->parameters * (int64_t)sizeof *d.theta);
    d.is_missing = arena_take(arena, count * (int64_t)sizeof *d.is_missing);
    d.needed = arena_take(arena, simulations * o->parameters * (int64_t)sizeof *d.needed);
    if (!d.weight || !d.y || !d.residual || !d.theta || !d.is_missing || !d.needed)
        return FAIL(E_NOMEM, "%lld bootstraps of %lld points", (long long)count,
                    (long long)o->count);
    d.rng = rng_stream(f->seed, "worlds");
    b->stretch = stretch_of(&d);
    d.rng = rng_stream(f->seed, "bootstrap");
    fit_progress_begin(d.progress, "bootstraps", count);
    threads_range(count, BLOCK, redraw_range, &d);
    fit_progress_end(d.progress);
    for (int64_t i = 0; i < count; i++)
        if (!d.is_missing[i])
            memmove(d.theta + b->draws++ * o->parameters, d.theta + i * o->parameters,
                    (size_t)o->parameters * sizeof *d.theta);
    for (int64_t i = 0; i < b->draws; i++) {
        double *t = d.theta + i * o->parameters;
        for (int j = 0; j < o->parameters; j++) t[j] = theta[j] + b->stretch * (t[j] - theta[j]);
        objective_uncentre(o, t);
    }
    b->draw = d.theta;
    return OK;
}

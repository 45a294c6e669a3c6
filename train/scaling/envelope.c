/* Approach 1. */
#include <math.h>
#include <stdlib.h>

#include "autograd/base/rng.h"
#include "train/scaling/isoflop.h"
#include "train/support/line.h"

enum { CURVES_MIN = 3 };

typedef struct TrainingCurve {
    int64_t first, count; /* in the points, sorted by run, then C */
    double params;
} TrainingCurve;

static int compare(const void *a, const void *b)
{
    const LawPoint *x = a, *y = b;
    if (x->run != y->run) return x->run < y->run ? -1 : 1;
    if (x->params != y->params) return x->params < y->params ? -1 : 1;
    return (x->flops > y->flops) - (x->flops < y->flops);
}

/* log loss of a curve at log_c; NAN beyond its ends. */
static double loss_at(const LawPoint *p, int64_t count, double log_c)
{
    const double c = exp(log_c);
    if (c < p[0].flops || c > p[count - 1].flops) return NAN;
    int64_t i = 0;
    while (i < count - 2 && p[i + 1].flops < c) i++;
    const double width = log(p[i + 1].flops / p[i].flops);
    const double t = width > 0 ? (log_c - log(p[i].flops)) / width : 0;
    return (1 - t) * log(p[i].loss) + t * log(p[i + 1].loss);
}

/* The lowest curve at log_c if there are curves of smaller and of larger models, else -1. */
static int64_t lowest(const LawPoint *p, const TrainingCurve *curve, int64_t curves, double log_c)
{
    double least = INFINITY, fewest = INFINITY, most = 0;
    int64_t best = -1;
    for (int64_t k = 0; k < curves; k++) {
        const double loss = loss_at(p + curve[k].first, curve[k].count, log_c);
        if (isnan(loss)) continue;
        fewest = fmin(fewest, curve[k].params), most = fmax(most, curve[k].params);
        if (loss < least) least = loss, best = k;
    }
    return best >= 0 && curve[best].params > fewest && curve[best].params < most ? best : -1;
}

static bool lines(const double *x, const double *n, const double *d, const double *weight,
                  int64_t count, double *theta)
{
    Line of_n, of_d;
    if (!line_fit(x, n, weight, count, &of_n) || !line_fit(x, d, weight, count, &of_d))
        return false;
    theta[0] = of_n.at_zero, theta[1] = of_n.slope;
    theta[2] = of_d.at_zero, theta[3] = of_d.slope;
    return true;
}

/* Bayesian bootstrap over whole curves, as each is one run (Rubin 1981,
 * doi:10.1214/aos/1176345338). */
static void draw(const double *x, const double *n, const double *d, const int64_t *which,
                 double *weight, int64_t count, const FitOptions *f, double *theta, FitResult *r)
{
    const Rng rng = rng_stream(f->seed, "envelope");
    for (int64_t b = 0; b < f->bootstraps; b++) {
        for (int64_t i = 0; i < count; i++)
            weight[i] = -log(1 - rng_uniform(rng, (uint64_t)which[i], (uint64_t)b));
        r->draws += lines(x, n, d, weight, count, theta + 4 * r->draws);
    }
    r->draw = theta;
}

Status isoflop_envelope(const LawPoint *points, int64_t count, const FitOptions *f, Arena *arena,
                        FitResult *r)
{
    LawPoint *p = arena_take(arena, count * (int64_t)sizeof *p);
    TrainingCurve *curve = arena_take(arena, count * (int64_t)sizeof *curve);
    double *x = arena_take(arena, 4 * ENVELOPE_POINTS * (int64_t)sizeof *x);
    double *theta = arena_take(arena, (f->bootstraps + 1) * 4 * (int64_t)sizeof *theta);
    int64_t *which = arena_take(arena, ENVELOPE_POINTS * (int64_t)sizeof *which), curves = 0,
            kept = 0;
    bool *is_best = arena_zero(arena, count * (int64_t)sizeof *is_best);
    r->envelope = arena_take(arena, ENVELOPE_POINTS * (int64_t)sizeof *r->envelope);
    if (!p || !curve || !x || !theta || !which || !is_best || !r->envelope)
        return FAIL(E_NOMEM, "%lld points", (long long)count);
    double *n = x + ENVELOPE_POINTS, *d = n + ENVELOPE_POINTS, *weight = d + ENVELOPE_POINTS;
    for (int64_t i = 0; i < count; i++) p[i] = points[i];
    qsort(p, (size_t)count, sizeof *p, compare);
    for (int64_t i = 0; i < count;) {
        int64_t end = i + 1;
        while (end < count && p[end].run == p[i].run && p[end].params == p[i].params) end++;
        if (end - i > 1) curve[curves++] = (TrainingCurve){i, end - i, p[i].params};
        i = end;
    }
    int64_t best_ones = 0;
    for (int64_t k = 0; k < ENVELOPE_POINTS; k++) {
        const double c =
            log(r->least) + log(r->most / r->least) * (double)k / (ENVELOPE_POINTS - 1);
        const int64_t best = lowest(p, curve, curves, c);
        if (best < 0) continue;
        const LawPoint *last = &p[curve[best].first + curve[best].count - 1];
        x[kept] = c, n[kept] = log(curve[best].params);
        d[kept] = c - n[kept] - log(last->flops / (last->params * last->tokens));
        r->envelope[r->envelope_points++] =
            (LawPoint){.params = curve[best].params,
                       .tokens = exp(d[kept]),
                       .flops = exp(c),
                       .loss = exp(loss_at(p + curve[best].first, curve[best].count, c)),
                       .run = last->run};
        weight[kept] = 1, which[kept++] = best;
        best_ones += !is_best[best];
        is_best[best] = true;
    }
    if (best_ones < CURVES_MIN || !lines(x, n, d, weight, kept, r->theta))
        return FAIL(E_DATA,
                    "approach 1 needs at least %d training curves that are the lowest somewhere "
                    "between those of a smaller and a larger model; of %lld curves (runs of two "
                    "points or more), %lld are",
                    (int)CURVES_MIN, (long long)curves, (long long)best_ones);
    draw(x, n, d, which, weight, kept, f, theta, r);
    return OK;
}

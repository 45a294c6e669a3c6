#include "train/scaling/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "autograd/base/threads.h"
#include "train/scaling/bootstrap.h"
#include "train/scaling/frontier.h"
#include "train/scaling/isoflop.h"
#include "train/support/quantile.h"

enum { MAX = LAW_PARAMETERS_MAX, STARTS_BLOCK = 16 };

/* With a smaller exponent, ten times the size changes a term of the loss by less than 1/400. */
#define EXPONENT_MIN 1e-3

typedef struct Search {
    const Objective *objective;
    FitProgress *progress;
    int64_t grid, count; /* size of the grid; starting points used */
    double (*theta)[MAX], *least;
    bool *finite;
} Search;

static void search(const void *context, int64_t begin, int64_t end, int worker)
{
    const Search *s = context;
    const Objective *o = s->objective;
    for (int64_t i = begin; i < end; i++) {
        double *theta = s->theta[i];
        starts_take(o, i * s->grid / s->count, theta);
        s->finite[i] = isfinite(objective_at(o, NULL, o->huber, theta, NULL));
        descend_box(o, NULL, theta);
        s->least[i] = descend_newton(o, NULL, theta);
        fit_progress_add(s->progress, worker);
    }
}

/* Searches from every starting point; theta: the best one's, centred. */
static Status find(const Objective *o, const FitOptions *f, Arena *arena, FitResult *r,
                   double *theta)
{
    Search s = {.objective = o, .progress = f->progress, .grid = starts_count(o->law)};
    s.count = f->starts > 0 && f->starts < s.grid ? f->starts : s.grid;
    s.theta = arena_take(arena, s.count * (int64_t)sizeof *s.theta);
    s.least = arena_take(arena, s.count * (int64_t)sizeof *s.least);
    s.finite = arena_take(arena, s.count * (int64_t)sizeof *s.finite);
    if (!s.theta || !s.least || !s.finite)
        return FAIL(E_NOMEM, "a fit from %lld starts", (long long)s.count);
    fit_progress_begin(s.progress, "starting points", s.count);
    threads_range(s.count, STARTS_BLOCK, search, &s);
    fit_progress_end(s.progress);
    int64_t best = -1;
    for (int64_t i = 0; i < s.count; i++)
        if (isfinite(s.least[i]) && (best < 0 || s.least[i] < s.least[best])) best = i;
    if (best < 0)
        return FAIL(E_DATA, "the law %s converges from no starting point", law_name(o->law));
    r->starts = s.count;
    for (int64_t i = 0; i < s.count; i++) {
        r->finite += s.finite[i];
        r->converged += s.finite[i] && s.least[i] <= s.least[best] * (1 + 1e-10) + 1e-24;
    }
    r->objective = s.least[best];
    memcpy(theta, s.theta[best], sizeof s.theta[best]);
    return OK;
}

/* Sets flop_factor, the median of flops / (params tokens), and the range of flops. */
static Status measure_flops(const LawPoint *points, int64_t count, Arena *arena, FitResult *r)
{
    double *all = arena_take(arena, count * (int64_t)sizeof *all);
    if (!all) return FAIL(E_NOMEM, "%lld points", (long long)count);
    r->least = INFINITY;
    for (int64_t i = 0; i < count; i++) {
        all[i] = points[i].flops / (points[i].params * points[i].tokens);
        r->least = fmin(r->least, points[i].flops);
        r->most = fmax(r->most, points[i].flops);
    }
    sort_numbers(all, count);
    r->flop_factor = quantile(all, count, 0.5);
    if (fabs(r->flop_factor - 6) < 1e-9) r->flop_factor = 6;
    return OK;
}

/* Sorts x [count]; returns the number of distinct values, those within 1 % counting as one. */
static int64_t count_distinct(double *x, int64_t count)
{
    int64_t found = 0, last = 0;
    sort_numbers(x, count);
    for (int64_t i = 0; i < count; i++)
        if (!i || x[i] > 1.01 * x[last]) found++, last = i;
    return found;
}

/* A power law with a limit, c + a / x^alpha, needs at least three distinct x. */
static Status check_distinct(LawKind law, const LawPoint *points, int64_t count, Arena *arena)
{
    static const char *const names[] = {"params", "tokens", "flops"};
    double *all = arena_take(arena, count * (int64_t)sizeof *all);
    if (!all) return FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int k = law == LAW_COMPUTE ? 2 : 0; k < (law == LAW_COMPUTE ? 3 : 2); k++) {
        for (int64_t i = 0; i < count; i++) {
            const double of[] = {points[i].params, points[i].tokens, points[i].flops};
            all[i] = of[k];
        }
        const int64_t found = count_distinct(all, count);
        if (found < (law == LAW_KAPLAN ? 2 : 3))
            return FAIL(E_DATA,
                        "the law %s: all %lld points together have %lld different %s; it needs "
                        "at least %d",
                        law_name(law), (long long)count, (long long)found, names[k],
                        law == LAW_KAPLAN ? 2 : 3);
    }
    return OK;
}

/* Params and tokens must vary independently: on one line, as at a single budget, the exponents are
 * not identifiable. */
static Status check_spread(LawKind law, const LawPoint *points, int64_t count)
{
    double mean[3] = {0}, nn = 0, dd = 0, nd = 0, cc = 0;
    for (int64_t i = 0; i < count; i++) {
        mean[0] += log(points[i].params) / (double)count;
        mean[1] += log(points[i].tokens) / (double)count;
        mean[2] += log(points[i].flops) / (double)count;
    }
    for (int64_t i = 0; i < count; i++) {
        const double n = log(points[i].params) - mean[0], d = log(points[i].tokens) - mean[1];
        nn += n * n, dd += d * d, nd += n * d;
        cc += pow(log(points[i].flops) - mean[2], 2);
    }
    const double least = 1e-12 * (double)count;
    if (law == LAW_COMPUTE && !(cc > least))
        return FAIL(E_DATA, "the law compute: all %lld points have the same flops",
                    (long long)count);
    if (law == LAW_COMPUTE) return OK;
    if (!(nn > least) || !(dd > least))
        return FAIL(E_DATA,
                    "the law %s: all %lld points have the same %s; a law needs different ones",
                    law_name(law), (long long)count, nn > least ? "tokens" : "params");
    if (nn * dd - nd * nd > 1e-3 * nn * dd) return OK;
    return FAIL(E_DATA,
                "the law %s: params and tokens of all %lld points are tied to each other, as with "
                "one budget or one ratio; they must vary independently",
                law_name(law), (long long)count);
}

/* The value of repeated tokens cannot be fitted to runs that read each token once. */
static Status check_repeats(LawKind law, const LawPoint *points, int64_t count)
{
    if (law != LAW_REPEATED) return OK;
    for (int64_t i = 0; i < count; i++)
        if (points[i].unique > 0 && points[i].unique < points[i].tokens) return OK;
    return FAIL(E_DATA,
                "the law repeated: none of these %lld points has repeated tokens (column "
                "unique_tokens); use --law chinchilla",
                (long long)count);
}

static Status check(LawKind law, const LawPoint *points, int64_t count, Arena *arena)
{
    const int parameters = law_parameters(law);
    for (int64_t i = 0; i < count; i++) {
        const LawPoint *p = &points[i];
        const double all[] = {p->params, p->tokens, p->flops, p->loss};
        for (int k = law == LAW_COMPUTE ? 2 : 0; k < 4; k++)
            if (!(all[k] > 0 && isfinite(all[k])))
                return FAIL(E_DATA,
                            "point %lld: params %g, tokens %g, flops %g, loss %g: all must be "
                            "positive and finite",
                            (long long)i + 1, all[0], all[1], all[2], all[3]);
    }
    if (law < LAW_FORMS && count < parameters + 1)
        return FAIL(E_DATA,
                    "%lld points are too few for the law %s, which has %d parameters: at least %d",
                    (long long)count, law_name(law), parameters, parameters + 1);
    if (law >= LAW_FORMS) return OK;
    TRY(check_repeats(law, points, count));
    TRY(check_spread(law, points, count));
    return check_distinct(law, points, count, arena);
}

/* The loss must decrease with params, tokens or flops. */
static Status check_exponents(LawKind law, const double *theta)
{
    double values[MAX];
    law_values(law, theta, values);
    for (int i = 0; i < law_parameters(law); i++) {
        const char *name = law_parameter(law, i);
        const bool is_exponent = !strncmp(name, "alpha", 5) || !strncmp(name, "beta", 4);
        if (is_exponent && !(values[i] >= EXPONENT_MIN))
            return FAIL(E_DATA,
                        "the law %s: the best %s is %.2g: these losses do not decrease as the law "
                        "requires",
                        law_name(law), name, values[i]);
    }
    return OK;
}

static Status fit_form(LawKind law, const LawPoint *points, int64_t count, const FitOptions *f,
                       Arena *arena, FitResult *r)
{
    Objective o;
    double theta[MAX];
    TRY(objective_init(&o, law, points, count, f->huber, true, arena));
    TRY(find(&o, f, arena, r, theta));
    double *residual = arena_take(arena, count * (int64_t)sizeof *residual);
    if (!residual) return FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int64_t i = 0; i < count; i++)
        residual[i] = o.y[i] - law_log_loss(law, theta, &o.point[i], NULL, NULL);
    r->residual = residual;
    memcpy(r->theta, theta, sizeof theta);
    objective_uncentre(&o, r->theta);
    TRY(check_exponents(law, r->theta));
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    Bootstrap b;
    TRY(bootstrap(&o, theta, f, arena, &b));
    r->draw = b.draw, r->draws = b.draws, r->stretch = b.stretch;
    clock_gettime(CLOCK_MONOTONIC, &end);
    r->bootstrap_seconds =
        (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    return OK;
}

Status fit_law(LawKind law, const LawPoint *points, int64_t count, const FitOptions *options,
               Arena *arena, FitResult *r)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    *r = (FitResult){.law = law,
                     .count = law_parameters(law),
                     .points = count,
                     .level = options->level,
                     .objective = NAN};
    TRY(check(law, points, count, arena));
    TRY(measure_flops(points, count, arena, r));
    if (law < LAW_FORMS)
        TRY(fit_form(law, points, count, options, arena, r));
    else
        TRY((law == LAW_FRONTIER    ? frontier_fit
             : law == LAW_APPROACH1 ? isoflop_envelope
                                    : isoflop_minima)(points, count, options, arena, r));
    if (law != LAW_FRONTIER) TRY(fit_intervals(r));
    clock_gettime(CLOCK_MONOTONIC, &end);
    r->seconds = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    return OK;
}

#include "train/scaling/compare.h"

#include <math.h>
#include <stddef.h>

#include "train/scaling/objective.h"

/* -log likelihood at scale exp(t), up to a constant. */
static double cost(const double *residual, int64_t count, double huber, double t)
{
    double sum = (double)count * t;
    for (int64_t i = 0; i < count; i++) {
        const double x = fabs(residual[i]) * exp(-t);
        sum += x <= huber ? 0.5 * x * x : huber * (x - 0.5 * huber);
    }
    return sum;
}

double compare_likelihood(const double *residual, int64_t count, double huber)
{
    static const double pi = 3.141592653589793, golden = 0.6180339887498949;
    double low = -60, high = 10; /* golden-section search: it is unimodal */
    for (int i = 0; i < 100; i++) {
        const double a = high - golden * (high - low), b = low + golden * (high - low);
        if (cost(residual, count, huber, a) < cost(residual, count, huber, b))
            high = b;
        else
            low = a;
    }
    const double mass = sqrt(2 * pi) * erf(huber / sqrt(2)) + 2 * exp(-0.5 * huber * huber) / huber;
    return -cost(residual, count, huber, 0.5 * (low + high)) - (double)count * log(mass);
}

double compare_p_value(double x, int degrees)
{
    if (!(x > 0)) return 1;
    /* Abramowitz & Stegun 1964, 26.4.4 and 26.4.5. */
    double term, sum;
    if (degrees % 2) {
        term = sqrt(2 * x / 3.141592653589793) * exp(-0.5 * x);
        sum = erfc(sqrt(0.5 * x));
        for (int k = 1; k <= degrees - 2; k += 2, term *= x / k) sum += term;
        return sum;
    }
    term = sum = exp(-0.5 * x);
    for (int k = 2; k <= degrees - 2; k += 2) sum += term *= x / k;
    return sum;
}

/* The error and bias of a law on points that it was not fitted to. */
static void judge(const FitResult *r, const LawPoint *p, int64_t count, Comparison *c)
{
    double squares = 0, sum = 0;
    for (int64_t i = 0; i < count; i++) {
        FitPrediction at;
        if (fit_predict(r, &p[i], &at) != OK) return;
        const double off = log(at.loss.value / p[i].loss);
        squares += off * off, sum += off;
    }
    c->judged = count;
    c->error = count ? sqrt(squares / (double)count) : NAN;
    c->bias = count ? sum / (double)count : NAN;
}

/* Moves the points of the largest budget to the end; returns the number of others. */
static int64_t split_largest_budget(LawPoint *p, int64_t count)
{
    double most = 0;
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, p[i].flops);
    for (int64_t i = 0; i < count; i++)
        if (p[i].flops < most / 1.125) {
            const LawPoint moved = p[i];
            p[i] = p[kept], p[kept++] = moved;
        }
    return kept;
}

static Status compare_all(const LawPoint *points, int64_t count, const LawPoint *held,
                          int64_t held_count, const FitOptions *f, Arena *arena, Comparison *out)
{
    LawPoint *split = arena_take(arena, count * (int64_t)sizeof *split);
    bool repeats = false, fitted = false;
    if (!split) return FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        split[i] = points[i];
        repeats |= points[i].unique > 0 && points[i].unique < points[i].tokens;
    }
    const int64_t seen = held_count ? count : split_largest_budget(split, count);
    if (!held_count) held = split + seen, held_count = count - seen;
    for (int k = 0; k < LAW_LOSSES; k++) {
        Comparison *c = &out[k];
        FitResult r;
        *c = (Comparison){.law = (LawKind)k,
                          .parameters = law_parameters((LawKind)k),
                          .error = NAN,
                          .bias = NAN};
        if (c->law == LAW_REPEATED && !repeats) continue;
        if (fit_law(c->law, points, count, f, arena, &r) != OK) continue;
        c->is_fitted = fitted = true;
        c->objective = r.objective;
        c->likelihood = r.residual ? compare_likelihood(r.residual, count, f->huber) : NAN;
        c->aic = 2 * (c->parameters + 1) - 2 * c->likelihood;
        if (seen < count && fit_law(c->law, split, seen, f, arena, &r) != OK) continue;
        judge(&r, held, held_count, c);
    }
    return fitted ? OK : FAIL(E_DATA, "no law fits these %lld points", (long long)count);
}

Status compare_laws(const LawPoint *points, int64_t count, const LawPoint *held, int64_t held_count,
                    const FitOptions *options, Comparison out[LAW_LOSSES])
{
    Arena arena = {0};
    FitOptions f = *options;
    f.bootstraps = 0;
    const Status status = compare_all(points, count, held, held_count, &f, &arena, out);
    arena_free(&arena);
    return status;
}

Status compare_given(const FitResult *all, const LawPoint *points, const FitOptions *f,
                     unsigned mask, const double *value, Ratio *ratio)
{
    Arena arena = {0};
    Objective o;
    double theta[LAW_PARAMETERS_MAX], given[LAW_PARAMETERS_MAX];
    const int64_t count = all->points;
    *ratio = (Ratio){.degrees = 0};
    Status status = objective_init(&o, all->law, points, count, f->huber, false, &arena);
    double *residual = arena_take(&arena, count * (int64_t)sizeof *residual);
    if (status == OK && !residual) status = FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int i = 0; i < all->count; i++) given[i] = mask >> i & 1 ? value[i] : all->value[i].value;
    law_theta(all->law, given, theta);
    if (status == OK) {
        o.fixed = mask;
        ratio->objective = descend_newton(&o, NULL, theta);
        for (int i = 0; i < all->count; i++) ratio->degrees += mask >> i & 1;
        for (int64_t i = 0; i < count; i++)
            residual[i] = o.y[i] - law_log_loss(all->law, theta, &points[i], NULL, NULL);
        ratio->statistic = 2 * (compare_likelihood(all->residual, count, f->huber) -
                                compare_likelihood(residual, count, f->huber));
        ratio->p = compare_p_value(ratio->statistic, ratio->degrees);
    }
    arena_free(&arena);
    return status;
}

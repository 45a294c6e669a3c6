/* Intervals, predictions and optima of a fit; intervals are quantiles over the bootstrap draws. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/scaling/fit.h"
#include "train/scaling/frontier.h"
#include "train/support/quantile.h"

/* Sorts x [count], without NANs, and returns its quantiles as the interval of value. */
static FitValue interval(const FitResult *r, double value, double *x, int64_t count)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(x[i])) x[kept++] = x[i];
    if (kept < FIT_DRAWS_MIN) return (FitValue){value, NAN, NAN};
    sort_numbers(x, kept);
    return (FitValue){value, quantile(x, kept, 0.5 - 0.5 * r->level),
                      quantile(x, kept, 0.5 + 0.5 * r->level)};
}

Status fit_intervals(FitResult *r)
{
    double values[LAW_PARAMETERS_MAX];
    law_values(r->law, r->theta, values);
    for (int i = 0; i < r->count; i++) r->value[i] = (FitValue){values[i], NAN, NAN};
    if (!r->draws) return OK;
    Arena arena = {0};
    double *x = arena_take(&arena, r->draws * (int64_t)sizeof *x);
    if (!x) return FAIL(E_NOMEM, "%lld draws", (long long)r->draws);
    for (int i = 0; i < r->count; i++) {
        for (int64_t b = 0; b < r->draws; b++) {
            double drawn[LAW_PARAMETERS_MAX];
            law_values(r->law, r->draw + b * r->count, drawn);
            x[b] = drawn[i];
        }
        r->value[i] = interval(r, values[i], x, r->draws);
    }
    arena_free(&arena);
    return OK;
}

/* Copies p; if it has only flops, with the optimal params and tokens. */
static bool complete(const FitResult *r, const double *theta, const LawPoint *p, LawPoint *at)
{
    *at = *p;
    if (r->law == LAW_COMPUTE) return p->flops > 0 || (p->params > 0 && p->tokens > 0);
    if (p->params > 0 && p->tokens > 0) return true;
    return law_optimum(r->law, theta, p->flops, r->flop_factor, &at->params, &at->tokens);
}

/* p has flops. */
static void predict_frontier(const FitResult *r, const LawPoint *p, FitPrediction *prediction)
{
    const Frontier *f = r->frontier;
    const double log_c = log(p->flops);
    if (f->minima && p->params > 0) {
        const double *theta = f->minima->theta, best = theta[0] + theta[1] * log_c;
        *prediction = frontier_predict_size(f, log_c, log(p->params) - best, r->level);
    } else {
        *prediction = frontier_predict(f, log_c, r->level);
    }
}

Status fit_predict(const FitResult *r, const LawPoint *p, FitPrediction *prediction)
{
    LawPoint given = *p, at;
    const bool both = given.params > 0 && given.tokens > 0;
    if (r->law >= LAW_LOSSES)
        return FAIL(E_ARG, "%s gives the optimal size, not the loss", law_name(r->law));
    if (!both && !(given.flops > 0 && isfinite(given.flops)))
        return FAIL(E_ARG, "a prediction needs params and tokens, or flops, all positive");
    if (both && !(given.flops > 0)) given.flops = r->flop_factor * given.params * given.tokens;
    if (r->law == LAW_FRONTIER) {
        predict_frontier(r, &given, prediction);
        return OK;
    }
    complete(r, r->theta, &given, &at);
    const double loss = law_loss(r->law, r->theta, &at);
    const int64_t draws = r->draws;
    *prediction = (FitPrediction){{loss, NAN, NAN}, {loss, NAN, NAN}};
    if (!draws) return OK;
    Arena arena = {0};
    double *x = arena_take(&arena, draws * (int64_t)sizeof *x);
    double *run = arena_take(&arena, draws * (int64_t)sizeof *run);
    if (!x || !run) {
        arena_free(&arena);
        return FAIL(E_NOMEM, "%lld draws", (long long)draws);
    }
    /* Residuals underestimate the errors: the fit used up one degree of freedom per parameter. */
    const double wider = sqrt((double)r->points / (double)(r->points - r->count));
    for (int64_t b = 0; b < draws; b++) {
        const double *theta = r->draw + b * r->count;
        complete(r, theta, &given, &at);
        x[b] = law_loss(r->law, theta, &at);
        run[b] = x[b] * exp(wider * r->residual[b % r->points]);
    }
    prediction->loss = interval(r, loss, x, draws);
    prediction->run = interval(r, loss, run, draws);
    arena_free(&arena);
    return OK;
}

Status fit_predict_all(const FitResult *r, const LawPoint *points, int64_t count, Arena *arena,
                       FitPrediction **predictions)
{
    FitPrediction *all = arena_take(arena, count * (int64_t)sizeof *all);
    if (!all) return FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int64_t i = 0; i < count; i++) TRY(fit_predict(r, &points[i], &all[i]));
    *predictions = all;
    return OK;
}

bool fit_is_within(const FitPrediction *p, double loss)
{
    return p->run.low <= loss && loss <= p->run.high;
}

bool fit_has_optimum(const FitResult *r)
{
    return r->law == LAW_FRONTIER ? r->frontier->minima != NULL : r->law != LAW_COMPUTE;
}

static Status optimum_of_frontier(const FitResult *r, double flops, FitValue *params,
                                  FitValue *tokens, FitValue *loss)
{
    const Frontier *f = r->frontier;
    if (!f->minima)
        return FAIL(E_ARG, "the law frontier gives no optimal size here: %s", f->no_minima);
    TRY(fit_optimum(f->minima, flops, params, tokens, loss));
    *loss = frontier_predict(f, log(flops), r->level).loss;
    return OK;
}

Status fit_optimum(const FitResult *r, double flops, FitValue *params, FitValue *tokens,
                   FitValue *loss)
{
    LawPoint at = {.flops = flops};
    if (!(flops > 0 && isfinite(flops))) return FAIL(E_ARG, "flops %g: not positive", flops);
    if (r->law == LAW_FRONTIER) return optimum_of_frontier(r, flops, params, tokens, loss);
    if (!law_optimum(r->law, r->theta, flops, r->flop_factor, &at.params, &at.tokens))
        return FAIL(E_ARG, "the law %s gives no optimal size", law_name(r->law));
    *params = (FitValue){at.params, NAN, NAN};
    *tokens = (FitValue){at.tokens, NAN, NAN};
    *loss = (FitValue){NAN, NAN, NAN};
    if (r->law < LAW_FORMS) loss->value = law_loss(r->law, r->theta, &at);
    const int64_t draws = r->draws;
    if (!draws) return OK;
    Arena arena = {0};
    double *x = arena_take(&arena, 3 * draws * (int64_t)sizeof *x);
    if (!x) return FAIL(E_NOMEM, "%lld draws", (long long)draws);
    for (int64_t b = 0; b < draws; b++) {
        const double *theta = r->draw + b * r->count;
        law_optimum(r->law, theta, flops, r->flop_factor, &at.params, &at.tokens);
        x[b] = at.params, x[draws + b] = at.tokens;
        x[2 * draws + b] = r->law < LAW_FORMS ? law_loss(r->law, theta, &at) : NAN;
    }
    *params = interval(r, params->value, x, draws);
    *tokens = interval(r, tokens->value, x + draws, draws);
    *loss = interval(r, loss->value, x + 2 * draws, draws);
    arena_free(&arena);
    return OK;
}

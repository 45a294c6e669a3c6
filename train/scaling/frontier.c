/* The lowest point of each budget, and the fit of the law `frontier` to them. */
#include "train/scaling/frontier.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/scaling/isoflop.h"

enum { PARABOLA_SIZES = 4, NAMED = 512 };

/* Sizes within this factor of the lowest belong to its parabola; its two neighbours always do. */
static const double NEAR = 1.5;

/* Averages the losses of each size in place; returns the number of sizes. */
static int64_t average_seeds(Sized *p, int64_t count)
{
    int64_t sizes = 0;
    for (int64_t i = 0, same; i < count; i += same) {
        double sum = 0;
        for (same = 0; i + same < count && p[i + same].log_n - p[i].log_n < 1e-9; same++)
            sum += exp(p[i + same].log_loss);
        p[sizes] = p[i];
        p[sizes++].log_loss = log(sum / (double)same);
    }
    return sizes;
}

/* The minimum of the parabola through the lowest size and those near it. */
static void fill_parabola(const Sized *p, int64_t sizes, int64_t lowest, FitBudget *b)
{
    double c[3];
    int64_t from = lowest - 1, end = lowest + 2;
    while (from > 0 && p[lowest].log_n - p[from - 1].log_n < log(NEAR)) from--;
    while (end < sizes && p[end].log_n - p[lowest].log_n < log(NEAR)) end++;
    if (!isoflop_parabola(p + from, end - from, NULL, p[lowest].log_n, c) || !(c[2] > 0)) return;
    const double at = p[lowest].log_n - 0.5 * c[1] / c[2];
    if (at < p[from].log_n || at > p[end - 1].log_n) return;
    b->params = exp(at);
    b->loss = exp(c[0] - 0.25 * c[1] * c[1] / c[2]);
    b->curvature = 2 * c[2];
}

/* p: one point per size, by size. single: each budget has only one. */
static void fill_budget(const Sized *p, int64_t sizes, bool single, FitBudget *b)
{
    int64_t lowest = 0;
    b->sizes = sizes;
    for (int64_t i = 1; i < sizes; i++)
        if (p[i].log_loss < p[lowest].log_loss) lowest = i;
    b->params = b->curvature = NAN;
    b->loss = exp(p[lowest].log_loss);
    if (sizes == 1 && !single)
        b->left_out = "it has only one size";
    else if (!single && lowest == 0)
        b->left_out = "its smallest size has the lowest loss";
    else if (!single && lowest == sizes - 1)
        b->left_out = "its largest size has the lowest loss";
    else
        b->params = exp(p[lowest].log_n);
    if (!b->left_out && sizes >= PARABOLA_SIZES) fill_parabola(p, sizes, lowest, b);
}

static bool is_single(const Isoflops *g)
{
    for (int64_t b = 0; b < g->budgets; b++) {
        const Sized *first = &g->p[g->first[b]], *last = &g->p[g->first[b + 1] - 1];
        if (last->log_n - first->log_n > 1e-9) return false;
    }
    return true;
}

Status frontier_budgets(const LawPoint *points, int64_t count, Arena *arena, FitBudget **budget,
                        int64_t *budgets)
{
    Isoflops g;
    TRY(isoflop_group(points, count, arena, &g));
    FitBudget *all = arena_zero(arena, g.budgets * (int64_t)sizeof *all);
    if (!all) return FAIL(E_NOMEM, "%lld budgets", (long long)g.budgets);
    const bool single = is_single(&g);
    for (int64_t b = 0; b < g.budgets; b++) {
        Sized *p = g.p + g.first[b];
        double c = 0, log_factor = 0;
        all[b].points = g.first[b + 1] - g.first[b];
        for (int64_t i = 0; i < all[b].points; i++) {
            c += p[i].log_c / (double)all[b].points;
            log_factor += (p[i].log_c - p[i].log_n - p[i].log_d) / (double)all[b].points;
        }
        all[b].flops = exp(c);
        fill_budget(p, average_seeds(p, all[b].points), single, &all[b]);
        all[b].tokens = exp(c - log_factor) / all[b].params;
    }
    *budget = all, *budgets = g.budgets;
    return OK;
}

int64_t frontier_used(FitBudget *budget, int64_t budgets)
{
    int64_t used = 0;
    for (int64_t b = 0; b < budgets; b++)
        if (!budget[b].left_out) {
            const FitBudget one = budget[b];
            memmove(budget + used + 1, budget + used, (size_t)(b - used) * sizeof one);
            budget[used++] = one;
        }
    return used;
}

/* "; left out: 5e+10 FLOPs (it has only one size), ..." */
static const char *name_left_out(const FitBudget *budget, int64_t budgets, char out[NAMED])
{
    size_t length = 0;
    *out = '\0';
    for (int64_t b = 0; b < budgets && length < NAMED; b++)
        if (budget[b].left_out)
            length +=
                (size_t)snprintf(out + length, NAMED - length, "%s %.3g FLOPs (%s)",
                                 length ? "," : "; left out:", budget[b].flops, budget[b].left_out);
    return out;
}

static Status fit_budgets(const FitBudget *budget, int64_t budgets, Arena *arena, Frontier *f)
{
    char left_out[NAMED];
    FitBudget *copy = arena_take(arena, (budgets + 1) * (int64_t)sizeof *copy);
    if (!copy) return FAIL(E_NOMEM, "%lld budgets", (long long)budgets);
    memcpy(copy, budget, (size_t)budgets * sizeof *copy);
    const int64_t used = frontier_used(copy, budgets);
    if (used < FRONTIER_BUDGETS_MIN)
        return FAIL(E_DATA,
                    "the law frontier needs %d budgets with their lowest loss between the smallest "
                    "and the largest size; these points have %lld%s",
                    (int)FRONTIER_BUDGETS_MIN, (long long)used,
                    name_left_out(budget, budgets, left_out));
    for (int64_t b = 1; copy[0].sizes == 1 && b < used; b++)
        if (copy[b].loss > copy[b - 1].loss)
            return FAIL(
                E_DATA,
                "the law frontier: with one size per budget, each must be the best size, but "
                "the losses do not decrease from %.3g to %.3g FLOPs",
                copy[b - 1].flops, copy[b].flops);
    frontier_curves(copy, used, f);
    return OK;
}

Status frontier_from(FitBudget *budget, int64_t budgets, const FitResult *minima,
                     const char *no_minima, const double covariance[3], Arena *arena, FitResult *r)
{
    Frontier *f = arena_zero(arena, (int64_t)sizeof *f);
    if (!f) return FAIL(E_NOMEM, "the law frontier");
    TRY(fit_budgets(budget, budgets, arena, f));
    f->minima = minima, f->no_minima = no_minima;
    memcpy(f->size_covariance, covariance, sizeof f->size_covariance);
    if (minima && isnan(f->curvature)) {
        f->minima = NULL;
        f->no_minima = "fewer than 2 budgets have 4 sizes or more";
    }
    r->frontier = f, r->budget = budget, r->budgets = budgets;
    frontier_values(f, r->level, r->value);
    if (!(r->value[1].value > 0))
        return FAIL(E_DATA, "the law frontier: these losses do not decrease with the budget");
    return OK;
}

/* log C of the largest budget that is not left out. */
static double last_used(const FitBudget *budget, int64_t budgets)
{
    double last = 0;
    for (int64_t b = 0; b < budgets; b++)
        if (!budget[b].left_out) last = log(budget[b].flops);
    return last;
}

/* Of log N at log_c, and of its slope, over the draws of approach 2. */
static void find_covariance(const FitResult *minima, double log_c, double covariance[3])
{
    const double count = (double)minima->draws;
    double mean_n = 0, mean_a = 0;
    for (int64_t b = 0; b < minima->draws; b++) {
        const double *theta = minima->draw + b * minima->count;
        mean_n += (theta[0] + theta[1] * log_c) / count, mean_a += theta[1] / count;
    }
    for (int64_t b = 0; b < minima->draws; b++) {
        const double *theta = minima->draw + b * minima->count;
        const double n = theta[0] + theta[1] * log_c - mean_n, a = theta[1] - mean_a;
        covariance[0] += n * n / count;
        covariance[1] += n * a / count;
        covariance[2] += a * a / count;
    }
}

Status frontier_fit(const LawPoint *points, int64_t count, const FitOptions *options, Arena *arena,
                    FitResult *r)
{
    FitBudget *budget;
    int64_t budgets;
    const char *why = NULL;
    double covariance[3] = {0};
    TRY(frontier_budgets(points, count, arena, &budget, &budgets));
    FitResult *minima = arena_zero(arena, (int64_t)sizeof *minima);
    if (!minima) return FAIL(E_NOMEM, "the law frontier");
    const Status status = fit_law(LAW_APPROACH2, points, count, options, arena, minima);
    if (status == E_NOMEM) return status;
    if (status != OK) {
        why = arena_text(arena, error_message() + strlen(status_text(status)) + 2);
        minima = NULL;
    }
    if (minima) find_covariance(minima, last_used(budget, budgets), covariance);
    return frontier_from(budget, budgets, minima, why, covariance, arena, r);
}

#include "train/scaling/isoflop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "train/support/line.h"

enum { BUDGET_POINTS_MIN = 3, BUDGETS_MIN = 3, KNOTS_MAX = 1024, AKIMA_STEPS = 2000 };

/* The largest ratio of flops between points of one budget. */
#define BUDGET_WIDTH 1.3

static int compare(const void *a, const void *b)
{
    const Sized *x = a, *y = b;
    return (x->log_c > y->log_c) - (x->log_c < y->log_c);
}

static int compare_size(const void *a, const void *b)
{
    const Sized *x = a, *y = b;
    return (x->log_n > y->log_n) - (x->log_n < y->log_n);
}

bool isoflop_parabola(const Sized *p, int64_t count, const double *loss, double middle, double c[3])
{
    double s[5] = {0}, t[3] = {0};
    for (int64_t i = 0; i < count; i++) {
        const double x = p[i].log_n - middle;
        double power = 1;
        for (int k = 0; k < 5; k++, power *= x) {
            s[k] += power;
            if (k < 3) t[k] += power * (loss ? loss[i] : p[i].log_loss);
        }
    }
    const double d = s[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (s[1] * s[4] - s[3] * s[2]) +
                     s[2] * (s[1] * s[3] - s[2] * s[2]);
    if (!(d > 1e-12 * s[0] * s[2] * s[4])) return false;
    c[0] = t[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (t[1] * s[4] - s[3] * t[2]) +
           s[2] * (t[1] * s[3] - s[2] * t[2]);
    c[1] = s[0] * (t[1] * s[4] - s[3] * t[2]) - t[0] * (s[1] * s[4] - s[3] * s[2]) +
           s[2] * (s[1] * t[2] - t[1] * s[2]);
    c[2] = s[0] * (s[2] * t[2] - t[1] * s[3]) - s[1] * (s[1] * t[2] - t[1] * s[2]) +
           t[0] * (s[1] * s[3] - s[2] * s[2]);
    for (int k = 0; k < 3; k++) c[k] /= d;
    return true;
}

double isoflop_akima(const double *x, const double *y, int64_t count, double at)
{
    int64_t i = 0;
    double m[5], slope[2];
    while (i < count - 2 && at > x[i + 1]) i++;
    for (int64_t k = 0; k < 5; k++) { /* slopes i - 2 .. i + 2, extrapolated beyond the ends */
        const int64_t j = i - 2 + k;
        m[k] = j < 0 || j > count - 2 ? NAN : (y[j + 1] - y[j]) / (x[j + 1] - x[j]);
    }
    if (isnan(m[3])) m[3] = 2 * m[2] - (isnan(m[1]) ? m[2] : m[1]);
    if (isnan(m[1])) m[1] = 2 * m[2] - m[3];
    if (isnan(m[0])) m[0] = 2 * m[1] - m[2];
    if (isnan(m[4])) m[4] = 2 * m[3] - m[2];
    for (int k = 0; k < 2; k++) {
        const double a = fabs(m[k + 3] - m[k + 2]), b = fabs(m[k + 1] - m[k]);
        slope[k] =
            a + b > 1e-300 ? (a * m[k + 1] + b * m[k + 2]) / (a + b) : 0.5 * (m[k + 1] + m[k + 2]);
    }
    const double h = x[i + 1] - x[i], t = (at - x[i]) / h;
    const double curve = (3 * m[2] - 2 * slope[0] - slope[1]) * t * t * h,
                 cubic = (slope[0] + slope[1] - 2 * m[2]) * t * t * t * h;
    return y[i] + slope[0] * t * h + curve + cubic;
}

/* log N at the minimum of the Akima spline through the mean at each size; NAN at the edge. */
static double minimum_of_spline(const Sized *p, int64_t count, const double *log_loss,
                                double *least)
{
    double x[KNOTS_MAX], y[KNOTS_MAX];
    int64_t knots = 0;
    for (int64_t i = 0; i < count && knots < KNOTS_MAX;) { /* p by size */
        int64_t same = 0;
        double sum = 0;
        for (; i + same < count && p[i + same].log_n - p[i].log_n < 1e-9; same++)
            sum += log_loss[i + same];
        x[knots] = p[i].log_n, y[knots++] = sum / (double)same;
        i += same;
    }
    if (knots < BUDGET_POINTS_MIN) return NAN;
    int64_t best = 0;
    *least = INFINITY;
    for (int64_t k = 0; k <= AKIMA_STEPS; k++) {
        const double at = x[0] + (x[knots - 1] - x[0]) * (double)k / (double)AKIMA_STEPS;
        const double now = isoflop_akima(x, y, knots, at);
        if (now < *least) *least = now, best = k;
    }
    *least = exp(*least);
    if (best == 0 || best == AKIMA_STEPS) return NAN;
    return x[0] + (x[knots - 1] - x[0]) * (double)best / (double)AKIMA_STEPS;
}

/* log N at the minimum of a budget's points (by size); NAN at the edge. */
static double minimum(const Sized *p, int64_t count, FitMinima how, const double *log_loss,
                      double *least)
{
    double loss[KNOTS_MAX], c[3];
    if (count > KNOTS_MAX) count = KNOTS_MAX;
    if (how == FIT_AKIMA) return minimum_of_spline(p, count, log_loss, least);
    const double middle = 0.5 * (p[0].log_n + p[count - 1].log_n);
    for (int64_t i = 0; i < count; i++) loss[i] = exp(log_loss[i]);
    if (count < BUDGET_POINTS_MIN || !isoflop_parabola(p, count, loss, middle, c) || !(c[2] > 0))
        return NAN;
    const double at = -0.5 * c[1] / c[2];
    *least = c[0] + 0.5 * c[1] * at;
    return fabs(at) < 0.5 * (p[count - 1].log_n - p[0].log_n) ? middle + at : NAN;
}

/* A new budget starts where C grows by more than an eighth, or beyond BUDGET_WIDTH times the first
 * of the budget. */
Status isoflop_group(const LawPoint *points, int64_t count, Arena *arena, Isoflops *g)
{
    *g = (Isoflops){.points = count};
    g->p = arena_take(arena, count * (int64_t)sizeof *g->p);
    g->first = arena_take(arena, (count + 1) * (int64_t)sizeof *g->first);
    if (!g->p || !g->first) return FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int64_t i = 0; i < count; i++)
        g->p[i] = (Sized){log(points[i].flops), log(points[i].params), log(points[i].tokens),
                          log(points[i].loss)};
    qsort(g->p, (size_t)count, sizeof *g->p, compare);
    for (int64_t i = 0; i < count; i++)
        if (!i || g->p[i].log_c - g->p[i - 1].log_c > log(1.125) ||
            g->p[i].log_c - g->p[g->first[g->budgets - 1]].log_c > log(BUDGET_WIDTH))
            g->first[g->budgets++] = i;
    g->first[g->budgets] = count;
    for (int64_t b = 0; b < g->budgets; b++)
        qsort(g->p + g->first[b], (size_t)(g->first[b + 1] - g->first[b]), sizeof *g->p,
              compare_size);
    return OK;
}

/* Finds the minima and fits the lines; log_loss [points] in the order of m->p. Budgets without a
 * minimum get params NAN. Returns the number of minima; fewer than two: no lines. */
static int64_t lines(const Isoflops *m, FitMinima how, const double *log_loss, const double *weight,
                     FitBudget *budget, double *x, double *n, double *d, double *w, double *theta)
{
    int64_t kept = 0;
    for (int64_t b = 0; b < m->budgets; b++) {
        const int64_t first = m->first[b], count = m->first[b + 1] - first;
        double c = 0, log_factor = 0, least = NAN;
        for (int64_t i = first; i < first + count; i++) {
            c += m->p[i].log_c / (double)count;
            log_factor += (m->p[i].log_c - m->p[i].log_n - m->p[i].log_d) / (double)count;
        }
        const double at = minimum(m->p + first, count, how, log_loss + first, &least);
        budget[b] = (FitBudget){.flops = exp(c),
                                .points = count,
                                .params = exp(at),
                                .tokens = exp(c - log_factor - at),
                                .loss = least,
                                .curvature = NAN};
        if (isnan(at)) budget[b].left_out = "no minimum between its smallest and largest size";
        if (isnan(at)) continue;
        x[kept] = c, n[kept] = at, d[kept] = c - log_factor - at,
        w[kept++] = weight ? weight[b] : 1;
    }
    Line of_n, of_d;
    if (kept < 2 || !line_fit(x, n, w, kept, &of_n) || !line_fit(x, d, w, kept, &of_d)) return 0;
    theta[0] = of_n.at_zero, theta[1] = of_n.slope;
    theta[2] = of_d.at_zero, theta[3] = of_d.slope;
    return kept;
}

/* The standard deviation of log losses around the parabolas of their budgets. */
static double noise(const Isoflops *m)
{
    double squares = 0, degrees = 0, c[3];
    for (int64_t b = 0; b < m->budgets; b++) {
        const Sized *p = m->p + m->first[b];
        const int64_t count = m->first[b + 1] - m->first[b];
        if (count < 4) continue;
        const double middle = 0.5 * (p[0].log_n + p[count - 1].log_n);
        if (!isoflop_parabola(p, count, NULL, middle, c)) continue;
        for (int64_t i = 0; i < count; i++) {
            const double x = p[i].log_n - middle,
                         r = p[i].log_loss - c[0] - c[1] * x - c[2] * x * x;
            squares += r * r;
        }
        degrees += (double)count - 3;
    }
    return degrees > 0 ? sqrt(squares / degrees) : NAN;
}

/* Parametric bootstrap: adds noise to the losses and refits. */
static Status draw(const Isoflops *m, const FitOptions *f, Arena *arena, FitResult *r)
{
    const double size = noise(m);
    const int64_t columns = 5 * m->budgets + m->points;
    double *all = arena_take(arena, columns * (int64_t)sizeof *all);
    double *theta = arena_take(arena, (f->bootstraps + 1) * 4 * (int64_t)sizeof *theta);
    double *square = arena_zero(arena, 2 * m->budgets * (int64_t)sizeof *square);
    FitBudget *budget = arena_take(arena, m->budgets * (int64_t)sizeof *budget);
    if (!all || !theta || !square || !budget)
        return FAIL(E_NOMEM, "%lld bootstraps", (long long)f->bootstraps);
    double *x = all, *n = x + m->budgets, *d = n + m->budgets, *w = d + m->budgets,
           *weight = w + m->budgets, *log_loss = weight + m->budgets, *times = square + m->budgets;
    const Rng rng = rng_stream(f->seed, "minima");
    const bool weighted = f->minima == FIT_AKIMA && isfinite(size) && f->bootstraps > 0;
    for (int64_t b = 0; b < m->budgets; b++) weight[b] = 1;
    /* Two rounds if budgets are weighted by the precision of their minima: the first measures
     * that. */
    for (int round = weighted ? 0 : 1; round < 2; round++) {
        r->draws = 0;
        for (int64_t k = 0; k < f->bootstraps && isfinite(size); k++) {
            for (int64_t i = 0; i < m->points; i++)
                log_loss[i] = m->p[i].log_loss + size * rng_normal(rng, (uint64_t)i, (uint64_t)k);
            if (lines(m, f->minima, log_loss, weight, budget, x, n, d, w, theta + 4 * r->draws) >=
                2)
                r->draws++;
            for (int64_t b = 0; b < m->budgets; b++) {
                const double off = log(budget[b].params / r->budget[b].params);
                if (isfinite(off)) square[b] += off * off, times[b]++;
            }
        }
        for (int64_t b = 0; b < m->budgets && !round; b++)
            weight[b] = times[b] > 1 ? times[b] / fmax(square[b], 1e-12) : 1e-12;
    }
    for (int64_t i = 0; i < m->points; i++) log_loss[i] = m->p[i].log_loss;
    lines(m, f->minima, log_loss, weight, r->budget, x, n, d, w, r->theta);
    r->draw = theta;
    return OK;
}

Status isoflop_minima(const LawPoint *points, int64_t count, const FitOptions *f, Arena *arena,
                      FitResult *r)
{
    Isoflops m;
    TRY(isoflop_group(points, count, arena, &m));
    double *x = arena_take(arena, (4 * m.budgets + count) * (int64_t)sizeof *x);
    r->budget = arena_take(arena, m.budgets * (int64_t)sizeof *r->budget);
    if (!x || !r->budget) return FAIL(E_NOMEM, "%lld budgets", (long long)m.budgets);
    double *n = x + m.budgets, *d = n + m.budgets, *w = d + m.budgets, *log_loss = w + m.budgets;
    for (int64_t i = 0; i < count; i++) log_loss[i] = m.p[i].log_loss;
    const int64_t kept = lines(&m, f->minima, log_loss, NULL, r->budget, x, n, d, w, r->theta);
    r->budgets = m.budgets;
    int64_t edge = 0;
    for (int64_t b = 0; b < m.budgets; b++) edge += isnan(r->budget[b].params);
    if (kept < BUDGETS_MIN)
        return FAIL(E_DATA,
                    "approach 2 needs %d budgets with their lowest loss between the smallest and "
                    "the largest size; of %lld, %lld have fewer than %d sizes, or it at the edge",
                    (int)BUDGETS_MIN, (long long)m.budgets, (long long)edge,
                    (int)BUDGET_POINTS_MIN);
    return draw(&m, f, arena, r);
}

Status isoflop_bias(const LawPoint *points, int64_t count, const FitOptions *f, const double *theta,
                    double flop_factor, double *a, double *params)
{
    Arena arena = {0};
    FitOptions options = *f;
    FitResult found = {.count = 4};
    options.bootstraps = 0;
    LawPoint *clean = arena_take(&arena, count * (int64_t)sizeof *clean);
    Status status = clean ? OK : FAIL(E_NOMEM, "%lld points", (long long)count);
    double most = 0;
    for (int64_t i = 0; status == OK && i < count; i++) {
        clean[i] = points[i];
        clean[i].loss = law_loss(LAW_CHINCHILLA, theta, &points[i]);
        most = fmax(most, points[i].flops);
    }
    if (status == OK) status = isoflop_minima(clean, count, &options, &arena, &found);
    if (status == OK) {
        double n, d, true_n, true_d;
        law_optimum(LAW_APPROACH2, found.theta, 10 * most, flop_factor, &n, &d);
        law_optimum(LAW_CHINCHILLA, theta, 10 * most, flop_factor, &true_n, &true_d);
        *a = found.theta[1] - theta[4] / (theta[3] + theta[4]);
        *params = n / true_n;
    }
    arena_free(&arena);
    return status;
}

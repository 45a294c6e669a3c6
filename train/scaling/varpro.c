#include "train/scaling/varpro.h"

#include <math.h>
#include <string.h>

enum { COARSE = 60, FINE = 5, ROUNDS = 200, REWEIGHTED = 40 };

typedef struct Projection {
    int64_t count, solved;
    double huber, mean_n, mean_d;
    double *n, *d, *loss, *weight, *root, *column[3], *rest; /* [count] */
} Projection;

/* Eight independent sums, which the CPU can overlap. */
static double dot(const double *x, const double *y, int64_t count)
{
    double sum[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int k = 0; k < 8; k++) sum[k] += x[i + k] * y[i + k];
    for (; i < count; i++) sum[0] += x[i] * y[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* Least squares on the columns in `chosen`, by the Gram-Schmidt process; false unless all x >=
 * 0. */
static bool solve(const Projection *p, unsigned chosen, double x[3], double *least)
{
    int which[3], count = 0;
    double r[3][3] = {{0}}, t[3] = {0};
    double *q[3] = {p->rest + p->count, p->rest + 2 * p->count, p->rest + 3 * p->count};
    for (int k = 0; k < 3; k++) {
        x[k] = 0;
        if (chosen >> k & 1) which[count++] = k;
    }
    for (int64_t i = 0; i < p->count; i++) p->rest[i] = p->root[i] = sqrt(p->weight[i]);
    for (int k = 0; k < count; k++) {
        for (int64_t i = 0; i < p->count; i++) q[k][i] = p->column[which[k]][i] * p->root[i];
        for (int j = 0; j < k; j++) {
            r[j][k] = dot(q[j], q[k], p->count);
            for (int64_t i = 0; i < p->count; i++) q[k][i] -= r[j][k] * q[j][i];
        }
        r[k][k] = sqrt(dot(q[k], q[k], p->count));
        if (!(r[k][k] > 0)) return false;
        for (int64_t i = 0; i < p->count; i++) q[k][i] /= r[k][k];
        t[k] = dot(q[k], p->rest, p->count);
        for (int64_t i = 0; i < p->count; i++) p->rest[i] -= t[k] * q[k][i];
    }
    for (int k = count; k-- > 0;) {
        double s = t[k];
        for (int j = k + 1; j < count; j++) s -= r[k][j] * x[which[j]];
        x[which[k]] = s / r[k][k];
        if (!(x[which[k]] >= 0)) return false;
    }
    *least = dot(p->rest, p->rest, p->count);
    return true;
}

/* Non-negative least squares: tries all subsets of the three columns. */
static void solve_positive(Projection *p, double x[3])
{
    double least = INFINITY, now, tried[3];
    p->solved++;
    if (solve(p, 7, x, &least)) return; /* the unconstrained optimum is feasible */
    memset(x, 0, 3 * sizeof *x);
    for (unsigned chosen = 1; chosen < 7; chosen++)
        if (solve(p, chosen, tried, &now) && now < least) {
            least = now;
            memcpy(x, tried, sizeof tried);
        }
}

static double loss_of(const Projection *p, const double x[3], bool reweight)
{
    double sum = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const double r =
            fabs(x[0] * p->column[0][i] + x[1] * p->column[1][i] + x[2] * p->column[2][i] - 1);
        sum += r <= p->huber ? 0.5 * r * r : p->huber * (r - 0.5 * p->huber);
        if (reweight) p->weight[i] = r <= p->huber ? 1 : p->huber / r;
    }
    return sum;
}

/* The minimal objective at these exponents; x: E and the centred A and B. The weights of the
 * previous call, at nearby exponents, are the starting point. */
static double project(Projection *p, double alpha, double beta, double x[3])
{
    for (int64_t i = 0; i < p->count; i++) {
        p->column[1][i] = exp(-alpha * p->n[i]) / p->loss[i];
        p->column[2][i] = exp(-beta * p->d[i]) / p->loss[i];
    }
    double now = INFINITY;
    for (int round = 0; round < REWEIGHTED; round++) {
        solve_positive(p, x);
        const double then = now;
        now = loss_of(p, x, isfinite(p->huber));
        if (!isfinite(p->huber) || !(now < then * (1 - 1e-9))) break;
    }
    return now;
}

/* Grid search around (alpha, beta): moves to the best point of a small grid; shrinks the grid
 * around the centre. */
static double refine(Projection *p, double *alpha, double *beta, double x[3])
{
    double least = project(p, *alpha, *beta, x), width = 3.0 / COARSE, tried[3];
    for (int round = 0; round < ROUNDS && width > 1e-16; round++) {
        const double a = *alpha, b = *beta;
        bool at_border = false;
        for (int k = 0; k < FINE * FINE; k++) {
            const int i = k / FINE - FINE / 2, j = k % FINE - FINE / 2;
            const double ta = fmin(3, fmax(0.01, a + i * width / 2)),
                         tb = fmin(3, fmax(0.01, b + j * width / 2));
            if (!i && !j) continue;
            const double now = project(p, ta, tb, tried);
            if (!(now < least)) continue;
            least = now, *alpha = ta, *beta = tb;
            memcpy(x, tried, sizeof tried);
            at_border = i == -FINE / 2 || i == FINE / 2 || j == -FINE / 2 || j == FINE / 2;
        }
        if (!at_border) width *= 0.4;
    }
    return least;
}

static Status search(Projection *p, const LawPoint *points, int64_t count, Arena *arena, Varpro *v)
{
    double *all = arena_take(arena, 12 * count * (int64_t)sizeof *all), x[3];
    if (!all) return FAIL(E_NOMEM, "%lld points", (long long)count);
    p->n = all, p->d = all + count, p->loss = all + 2 * count, p->weight = all + 3 * count;
    for (int k = 0; k < 3; k++) p->column[k] = all + (4 + k) * count;
    p->root = all + 7 * count;
    p->rest = all + 8 * count; /* and three more columns after it */
    for (int64_t i = 0; i < count; i++) {
        p->mean_n += log(points[i].params) / (double)count;
        p->mean_d += log(points[i].tokens) / (double)count;
    }
    for (int64_t i = 0; i < count; i++) {
        p->n[i] = log(points[i].params) - p->mean_n;
        p->d[i] = log(points[i].tokens) - p->mean_d;
        p->loss[i] = points[i].loss;
        p->column[0][i] = 1 / points[i].loss;
        p->weight[i] = 1;
    }
    double least = INFINITY, alpha = 0.5, beta = 0.5;
    const double huber = p->huber;
    p->huber = INFINITY; /* least squares suffices for the coarse search */
    for (int k = 0; k < COARSE * COARSE / 4; k++) {
        const double a = 0.02 * pow(150, (k / (COARSE / 2)) / (COARSE / 2 - 1.0)),
                     b = 0.02 * pow(150, (k % (COARSE / 2)) / (COARSE / 2 - 1.0));
        const double now = project(p, a, b, x);
        if (now < least) least = now, alpha = a, beta = b;
    }
    p->huber = huber;
    v->objective = refine(p, &alpha, &beta, x);
    v->values[0] = x[0], v->values[3] = alpha, v->values[4] = beta;
    v->values[1] = x[1] * exp(alpha * p->mean_n);
    v->values[2] = x[2] * exp(beta * p->mean_d);
    v->solved = p->solved;
    return OK;
}

Status varpro_fit(const LawPoint *points, int64_t count, double huber, Varpro *v)
{
    Arena arena = {0};
    Projection p = {.count = count, .huber = huber};
    *v = (Varpro){.objective = NAN};
    if (count < 5)
        return FAIL(E_DATA, "%lld points are too few for 5 parameters", (long long)count);
    const Status status = search(&p, points, count, &arena, v);
    arena_free(&arena);
    return status;
}

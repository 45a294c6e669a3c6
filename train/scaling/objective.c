#include "train/scaling/objective.h"

#include <math.h>
#include <string.h>

/* Centring a variable (log N, log D or log C) changes theta[coefficient] by its mean times
 * theta[slope]. */
typedef struct Slope {
    int coefficient, slope;
    char of;
} Slope;

static const Slope slopes[LAW_FORMS][2] = {
    [LAW_CHINCHILLA] = {{1, 3, 'n'}, {2, 4, 'd'}},
    [LAW_KAPLAN] = {{0, 2, 'n'}, {1, -1, 'd'}},
    [LAW_COMPUTE] = {{1, 2, 'c'}, {0, 0, 0}},
    [LAW_REPEATED] = {{1, 3, 'n'}, {2, 4, 'd'}},
};

static void move(const Objective *o, double *theta, double sign)
{
    for (int i = 0; i < 2; i++) {
        const Slope s = slopes[o->law][i];
        if (!s.of) continue;
        const double mean = s.of == 'n' ? o->mean_n : s.of == 'd' ? o->mean_d : o->mean_c;
        theta[s.coefficient] += sign * mean * (s.slope < 0 ? 1 : theta[s.slope]);
    }
}

void objective_centre(const Objective *o, double *theta)
{
    move(o, theta, -1);
}

void objective_uncentre(const Objective *o, double *theta)
{
    move(o, theta, 1);
}

Status objective_init(Objective *o, LawKind law, const LawPoint *points, int64_t count,
                      double huber, bool centred, Arena *arena)
{
    *o = (Objective){.law = law, .parameters = law_parameters(law), .count = count, .huber = huber};
    LawPoint *point = arena_take(arena, count * (int64_t)sizeof *point);
    double *n = arena_take(arena, 3 * count * (int64_t)sizeof *n);
    if (!point || !n) return FAIL(E_NOMEM, "a fit of %lld points", (long long)count);
    double *d = n + count, *y = d + count;
    const bool sized = law != LAW_COMPUTE;
    for (int64_t i = 0; i < count; i++) {
        o->mean_n += centred && sized ? log(points[i].params) / (double)count : 0;
        o->mean_d += centred && sized ? log(points[i].tokens) / (double)count : 0;
        o->mean_c += centred ? log(points[i].flops) / (double)count : 0;
        o->mean_y += log(points[i].loss) / (double)count;
    }
    for (int64_t i = 0; i < count; i++) {
        point[i] = points[i];
        point[i].params /= exp(o->mean_n), point[i].tokens /= exp(o->mean_d);
        point[i].unique /= exp(o->mean_d), point[i].flops /= exp(o->mean_c);
        n[i] = log(points[i].params) - o->mean_n;
        d[i] = log(points[i].tokens) - o->mean_d;
        y[i] = log(points[i].loss);
    }
    o->point = point, o->n = n, o->d = d, o->y = y;
    return OK;
}

/* The Huber loss of r, its first and second derivative, and its weight w in iteratively reweighted
 * least squares. */
static inline double huber_loss(double r, double limit, double *r1, double *r2, double *w)
{
    const double size = fabs(r);
    if (size <= limit) {
        *r1 = r, *r2 = 1, *w = 1;
        return 0.5 * r * r;
    }
    *r1 = r > 0 ? limit : -limit, *r2 = 0, *w = limit / size;
    return limit * (size - 0.5 * limit);
}

/* The hot loop: the chinchilla law with its derivatives written out. */
static double chinchilla(const Objective *o, const double *weight, double limit, const double *t,
                         Curvature *c)
{
    const double e = exp(t[0]);
    double sum = 0, g[5] = {0}, h[15] = {0}, m[15] = {0}, r1, r2, w;
    double first[3] = {0}, second[4] = {0};
    for (int64_t i = 0; i < o->count; i++) {
        const double times = weight ? weight[i] : 1, n = o->n[i], d = o->d[i];
        if (times == 0) continue;
        const double a = exp(t[1] - t[3] * n), b = exp(t[2] - t[4] * d), law = e + a + b;
        sum += times * huber_loss(log(law) - o->y[i], limit, &r1, &r2, &w);
        if (!c) continue;
        const double p = a / law, q = b / law, s[5] = {e / law, p, q, -n * p, -d * q};
        const double outer = times * (r2 - r1);
        r1 *= times, w *= times;
        for (int j = 0, k = 0; j < 5; j++) {
            const double hj = outer * s[j], mj = w * s[j];
            g[j] += r1 * s[j];
            for (int l = 0; l <= j; l++, k++) h[k] += hj * s[l], m[k] += mj * s[l];
        }
        for (int j = 0; j < 3; j++) first[j] += r1 * s[j];
        second[0] += r1 * s[3], second[1] -= r1 * s[3] * n;
        second[2] += r1 * s[4], second[3] -= r1 * s[4] * d;
    }
    if (!c) return sum;
    for (int j = 0, k = 0; j < 5; j++) {
        c->g[j] = g[j];
        for (int l = 0; l <= j; l++, k++) c->h[j * 5 + l] = h[k], c->m[j * 5 + l] = m[k];
    }
    for (int j = 0; j < 3; j++) c->h[j * 6] += first[j];
    c->h[3 * 5 + 1] += second[0], c->h[3 * 6] += second[1];
    c->h[4 * 5 + 2] += second[2], c->h[4 * 6] += second[3];
    return sum;
}

static double any_law(const Objective *o, const double *weight, double limit, const double *theta,
                      Curvature *c)
{
    enum { MAX = LAW_PARAMETERS_MAX };
    const int count = o->parameters;
    double sum = 0, g[MAX], h[MAX * MAX], r1, r2, w;
    if (c) *c = (Curvature){0};
    for (int64_t i = 0; i < o->count; i++) {
        const double times = weight ? weight[i] : 1;
        if (times == 0) continue;
        const double y = law_log_loss(o->law, theta, &o->point[i], c ? g : NULL, c ? h : NULL);
        sum += times * huber_loss(y - o->y[i], limit, &r1, &r2, &w);
        for (int j = 0; c && j < count; j++) {
            c->g[j] += times * r1 * g[j];
            for (int l = 0; l <= j; l++) {
                c->h[j * count + l] += times * (r2 * g[j] * g[l] + r1 * h[j * count + l]);
                c->m[j * count + l] += times * w * g[j] * g[l];
            }
        }
    }
    return sum;
}

/* Removes fixed parameters: zero gradient, no coupling to the others. */
static void fix(const Objective *o, Curvature *c)
{
    const int count = o->parameters;
    for (int i = 0; i < count; i++)
        for (int j = 0; j <= i; j++)
            if ((o->fixed >> i | o->fixed >> j) & 1)
                c->h[i * count + j] = c->m[i * count + j] = i == j;
    for (int i = 0; i < count; i++)
        if (o->fixed >> i & 1) c->g[i] = 0;
}

double objective_at(const Objective *o, const double *weight, double huber, const double *theta,
                    Curvature *c)
{
    const double sum =
        (o->law == LAW_CHINCHILLA ? chinchilla : any_law)(o, weight, huber, theta, c);
    if (c && o->fixed) fix(o, c);
    return sum;
}

/* ---- starting points */

/* A starting point's number is written in mixed radix, one digit per parameter: theta[i] = first +
 * step * digit. */
typedef struct Digit {
    int count;
    double first, step;
} Digit;

static const Digit grids[LAW_FORMS][LAW_PARAMETERS_MAX] = {
    [LAW_CHINCHILLA] = {{5, -1, 0.5}, {6, 0, 5}, {6, 0, 5}, {5, 0, 0.5}, {5, 0, 0.5}},
    [LAW_KAPLAN] = {{4, -15, 15}, {4, -15, 15}, {4, 0.4, 0.4}, {4, 0.05, 0.1}},
    [LAW_COMPUTE] = {{5, -1, 0.5}, {6, 0, 5}, {10, 0.05, 0.1}},
    [LAW_REPEATED] =
        {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {3, 0.2, 0.3}, {3, 0.2, 0.3}, {2, 1, 2}, {2, 1, 2}},
};

int64_t starts_count(LawKind law)
{
    int64_t count = 1;
    for (int i = 0; i < law_parameters(law); i++) count *= grids[law][i].count;
    return count;
}

void starts_take(const Objective *o, int64_t which, double *theta)
{
    for (int i = 0; i < o->parameters; i++) {
        const Digit *d = &grids[o->law][i];
        theta[i] = d->first + d->step * (double)(which % d->count);
        which /= d->count;
    }
    if (o->law != LAW_KAPLAN)
        objective_centre(o, theta); /* the grid of kaplan is centred already */
}

/* The minimizers of objective.h. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "train/scaling/objective.h"

enum { MAX = LAW_PARAMETERS_MAX, TRIES = 60 };

/* Solves (h + extra m) step = -g by Cholesky decomposition; false if the matrix is not positive
 * definite. */
static bool solve(int count, const double *h, const double *m, double extra, const double *g,
                  double *step)
{
    double c[MAX * MAX], z[MAX], most = 0;
    for (int i = 0; i < count; i++) most = fmax(most, m[i * count + i]);
    for (int i = 0; i < count; i++)
        for (int j = 0; j <= i; j++) {
            double s = h[i * count + j] + extra * m[i * count + j];
            if (i == j) s += 1e-15 * extra * most;
            const double scale = fabs(s);
            for (int k = 0; k < j; k++) s -= c[i * count + k] * c[j * count + k];
            if (i > j)
                c[i * count + j] = s / c[j * count + j];
            else if (s > 1e-14 * scale)
                c[i * count + i] = sqrt(s);
            else
                return false;
        }
    for (int i = 0; i < count; i++) {
        double s = -g[i];
        for (int k = 0; k < i; k++) s -= c[i * count + k] * z[k];
        z[i] = s / c[i * count + i];
    }
    for (int i = count; i-- > 0;) {
        double s = z[i];
        for (int k = i + 1; k < count; k++) s -= c[k * count + i] * step[k];
        step[i] = s / c[i * count + i];
    }
    return true;
}

/* The predicted decrease of the objective: half of -gradient times step. */
static double predicted_decrease(int count, const Curvature *c, const double *step)
{
    double sum = 0;
    for (int i = 0; i < count; i++) sum -= 0.5 * c->g[i] * step[i];
    return sum;
}

double descend_newton(const Objective *o, const double *weight, double *theta)
{
    const int count = o->parameters;
    double extra = 1, step[MAX], next[MAX];
    Curvature c;
    double now = objective_at(o, weight, o->huber, theta, &c);
    for (int round = 0; round < 500; round++) {
        double then = now, predicted = 0;
        bool fell = false;
        for (int t = 0; t < TRIES && !fell; t++) {
            const bool solved = solve(count, c.h, c.m, extra, c.g, step);
            if (solved) {
                predicted = predicted_decrease(count, &c, step);
                for (int i = 0; i < count; i++) next[i] = theta[i] + step[i];
                then = objective_at(o, weight, o->huber, next, NULL);
                fell = then < now;
                if (!(predicted > 1e-17 * now)) break;
            }
            if (!fell) extra = extra < 1e-3 ? 1e-3 : extra * (solved ? 8 : 4);
        }
        if (!fell) break;
        const double kept = (now - then) / predicted;
        extra = kept > 0.75 ? extra * 0.1 : kept < 0.25 ? fmax(1e-3, extra * 2) : extra;
        if (extra < 1e-9) extra = 0;
        memcpy(theta, next, sizeof *theta * (size_t)count);
        now = objective_at(o, weight, o->huber, theta, &c);
    }
    return now;
}

typedef struct Box {
    double low[MAX], high[MAX], longest[MAX];
    unsigned linear; /* bit i: the law is linear in exp(theta[i]) */
} Box;

static Box box_of(const Objective *o)
{
    const double least = o->mean_y + log(1e-3), most = o->mean_y + log(10);
    Box b = {.linear = o->law == LAW_KAPLAN ? 0 : o->law == LAW_COMPUTE ? 3 : 7};
    for (int i = 0; i < o->parameters; i++) {
        const bool term = b.linear >> i & 1, repeats = i > 4;
        b.low[i] = term ? least : repeats ? log(0.1) : 0.02;
        b.high[i] = term ? most : repeats ? log(1e4) : 3;
        b.longest[i] = repeats ? 2 : 0.5;
        if (o->law != LAW_KAPLAN) continue;
        b.low[i] = i < 2 ? -60 : i == 2 ? 0.05 : 0.01;
        b.high[i] = i < 2 ? 300 : i == 2 ? 20 : 2;
        b.longest[i] = i < 2 ? 10 : i == 2 ? 0.5 : 0.1;
    }
    return b;
}

/* theta after a step, clamped to the box. */
static void walk(const Objective *o, const Box *b, const double *theta, const double *step,
                 double *next)
{
    for (int i = 0; i < o->parameters; i++) {
        double by = step[i];
        if (b->linear >> i & 1)
            by = log1p(fmax(by, -0.9));
        else
            by = fmax(-b->longest[i], fmin(b->longest[i], by));
        next[i] = fmax(b->low[i], fmin(b->high[i], theta[i] + by));
        if (o->fixed >> i & 1) next[i] = theta[i];
    }
}

void descend_box(const Objective *o, const double *weight, double *theta)
{
    const int count = o->parameters;
    const Box box = box_of(o);
    const double none[MAX] = {0};
    double extra = 1e-2, step[MAX], next[MAX], diagonal[MAX * MAX];
    Curvature c;
    walk(o, &box, theta, none, theta);
    double now = objective_at(o, weight, INFINITY, theta, &c);
    for (int round = 0; round < 200; round++) {
        double then = now;
        bool fell = false;
        memset(diagonal, 0, sizeof diagonal);
        for (int i = 0; i < count; i++) diagonal[i * count + i] = fmax(c.m[i * count + i], 1e-300);
        for (int t = 0; t < TRIES && !fell; t++, extra *= fell ? 1 : 10) {
            if (!solve(count, c.m, diagonal, extra, c.g, step)) continue;
            walk(o, &box, theta, step, next);
            then = objective_at(o, weight, INFINITY, next, NULL);
            fell = then < now;
            if (!fell && predicted_decrease(count, &c, step) < 1e-12 * now) break;
        }
        if (!fell) break;
        const bool enough = now - then < 1e-3 * now;
        memcpy(theta, next, sizeof *theta * (size_t)count);
        if (enough) break;
        extra = fmax(1e-8, extra * 0.1);
        now = objective_at(o, weight, INFINITY, theta, &c);
    }
}

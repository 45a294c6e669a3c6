#include "optim/muon.h"

#include <math.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/squares.h"
#include "optim/penalties.h"

enum { ITERATIONS = 5 };
static const real A1 = (real)3.4445, A3 = (real)-4.775, A5 = (real)2.0315;

/* A matrix, and where its stats are added; NULL: nowhere. */
typedef struct Task {
    const Param *param;
    UpdateStats *stats;
} Task;

typedef struct Muon {
    const Params *params;
    real scale, rest, keep; /* rest: 1 - momentum */
    Penalties penalties;
    double lr;
    const Task *tasks;
    int64_t part; /* numbers of scratch a matrix */
} Muon;

bool muon_fits(const Param *one)
{
    const char *name = one->name;
    if (!strncmp(name, "encoder.", 8)) name += 8;
    return one->decay && one->tensor.shape.rank == 2 && !strncmp(name, "blocks.", 7);
}

static int64_t shorter(int64_t rows, int64_t columns)
{
    return rows < columns ? rows : columns;
}

int64_t muon_matrix_scratch(int64_t rows, int64_t columns)
{
    const int64_t side = shorter(rows, columns);
    return rows * columns + 2 * side * side;
}

/* Numbers of scratch for the largest matrix, and how many matrices there are. */
static int64_t largest_part(const Params *p, int64_t *count)
{
    int64_t most = 0;
    *count = 0;
    for (const Param *one = p->first; one; one = one->next) {
        if (one->has_v) continue;
        const int64_t *dim = one->tensor.shape.dim,
                      part = dim[0] * dim[1] + muon_matrix_scratch(dim[0], dim[1]);
        most = part > most ? part : most;
        ++*count;
    }
    return most;
}

int64_t muon_scratch(const Params *p)
{
    int64_t count;
    const int64_t part = largest_part(p, &count);
    return count >= threads_team() ? part * threads_team() : part;
}

/* A: 2 m m n, A A: 2 m m m, and its product with X: 2 m m n. */
double muon_flops(const Params *p)
{
    double sum = 0;
    for (const Param *one = p->first; one; one = one->next) {
        if (one->has_v) continue;
        const int64_t *dim = one->tensor.shape.dim;
        const double m = (double)shorter(dim[0], dim[1]), n = (double)(dim[0] + dim[1]) - m;
        sum += ITERATIONS * (4 * m * m * n + 2 * m * m * m);
    }
    return sum;
}

/* y = a x + b y */
VECTOR static void combine(real a, const real *restrict x, real b, real *restrict y, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) y[i] = a * x[i] + b * y[i];
}

VECTOR static void scale(real by, real *x, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) x[i] *= by;
}

/* For a matrix with more rows than columns, A = X^T X, and X is multiplied from the right: the
 * iteration of X^T. */
const real *muon_orthogonalize(real *x, int64_t rows, int64_t columns, real *scratch)
{
    const int64_t count = rows * columns, m = shorter(rows, columns);
    real *y = scratch, *a = y + count, *b = a + m * m;
    const real norm = (real)(1 / (sqrt(squares_sum(x, count)) + 1e-7));
    scale(norm, x, count);
    for (int i = 0; i < ITERATIONS; i++) {
        if (rows <= columns)
            gemm(GEMM_NT, m, m, columns, x, columns, x, columns, a, m, false);
        else
            gemm(GEMM_TN, m, m, rows, x, columns, x, columns, a, m, false);
        gemm(GEMM_NN, m, m, m, a, m, a, m, b, m, false);
        combine(A3, a, A5, b, m * m);
        if (rows <= columns)
            gemm(GEMM_NN, m, columns, m, b, m, x, columns, y, columns, false);
        else
            gemm(GEMM_NN, rows, m, m, x, columns, b, m, y, columns, false);
        combine(A1, x, 1, y, count);
        real *const before = x;
        x = y;
        y = before;
    }
    return x;
}

VECTOR static void nesterov(const Muon *u, int64_t begin, int64_t count, real *restrict x)
{
    const real scale = u->scale, rest = u->rest, l2 = u->penalties.l2;
    real *restrict m = u->params->m + begin;
    const real *restrict grad = u->params->grad + begin, *restrict value = u->params->value + begin;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        const real g = grad[i] * scale + l2 * value[i], mean = m[i] + rest * (g - m[i]);
        m[i] = mean;
        x[i] = mean - (mean - g) * rest;
    }
}

VECTOR static void step(const Muon *u, real *restrict value, const real *restrict x, int64_t count,
                        real size, double sums[2])
{
    enum { PART = 1 << 12 };
    const real keep = u->keep, l1 = u->penalties.l1;
    for (int64_t part = 0; part < count; part += PART) {
        const int64_t end = part + PART < count ? part + PART : count;
        real values = 0, changes = 0;
#pragma omp simd reduction(+ : values, changes)
        for (int64_t i = part; i < end; i++) {
            const real before = value[i], after = penalties_shrink(before * keep - size * x[i], l1);
            value[i] = after;
            values += before * before;
            changes += (after - before) * (after - before);
        }
        sums[0] += (double)values;
        sums[1] += (double)changes;
    }
}

static void step_matrix(const Muon *u, const Task *task, real *scratch)
{
    const Tensor *w = &task->param->tensor;
    const int64_t rows = w->shape.dim[0], columns = w->shape.dim[1], count = rows * columns;
    const double tall = (double)rows / (double)columns;
    double sums[2] = {0};
    nesterov(u, w->offset, count, scratch);
    const real *x = muon_orthogonalize(scratch, rows, columns, scratch + count);
    step(u, w->data, x, count, (real)(u->lr * (tall > 1 ? sqrt(tall) : 1)), sums);
    if (!task->stats) return;
    task->stats->value += sums[0];
    task->stats->update += sums[1];
}

static void step_matrices(const void *context, int64_t begin, int64_t end, int worker)
{
    const Muon *u = context;
    for (int64_t i = begin; i < end; i++)
        step_matrix(u, &u->tasks[i], u->params->scratch + worker * u->part);
}

void muon_step(Params *p, const OptimConfig *c, double lr, double grad_scale, UpdateStats *stats)
{
    enum { AT_ONCE = 512 };
    Task tasks[AT_ONCE];
    int64_t matrices, count = 0;
    const double own = c->muon_lr * lr / c->lr;
    const Muon u = {.params = p,
                    .scale = (real)grad_scale,
                    .rest = (real)(1 - c->muon_momentum),
                    .keep = (real)(1 - own * c->weight_decay),
                    .penalties = penalties_of(c, lr),
                    .lr = own,
                    .tasks = tasks,
                    .part = largest_part(p, &matrices)};
    const int64_t workers = matrices ? p->scratch_count / u.part : 0;
    const bool side_by_side = workers > 1 && workers >= threads_team();
    for (const Param *one = p->first; one; one = one->next) {
        if (!one->has_v) tasks[count++] = (Task){one, stats};
        if (stats) stats++;
        if (count < AT_ONCE && (one->next || !count)) continue;
        if (side_by_side)
            threads_range(count, 1, step_matrices, &u);
        else
            step_matrices(&u, 0, count, 0);
        count = 0;
    }
}

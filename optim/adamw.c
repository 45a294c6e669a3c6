#include "optim/adamw.h"

#include <math.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/vector.h"

/* Numbers a block: small enough to share out, large enough that sharing costs nothing. */
enum { BLOCK = 1 << 16 };

void optim_resolve(OptimConfig *c, int64_t steps)
{
    if (c->min_lr == -1) c->min_lr = c->lr / 10;
    if (c->decay_steps == 0) c->decay_steps = steps;
}

Status optim_check(const OptimConfig *c)
{
    if (c->min_lr < 0)
        return FAIL(E_CONFIG,
                    "optim.min_lr = %g: expected a number from 0 to optim.lr = %g, or -1 for a "
                    "tenth of it",
                    c->min_lr, c->lr);
    if (c->min_lr > c->lr)
        return FAIL(E_CONFIG, "optim.min_lr = %g is above optim.lr = %g: it must be 0 to %g",
                    c->min_lr, c->lr, c->lr);
    return OK;
}

/* Four places at once: a core reads from memory half as fast again as in one. */
VECTOR static double sum_of_squares(const real *x, int64_t count)
{
    enum { PLACES = 4, SIDE = 8 };
    double sums[PLACES][SIDE] = {0}, sum = 0;
    const int64_t apart = count / (PLACES * SIDE) * SIDE;
    for (int64_t i = 0; i < apart; i += SIDE)
        for (int k = 0; k < PLACES; k++)
#pragma omp simd
            for (int j = 0; j < SIDE; j++) {
                const double one = x[k * apart + i + j];
                sums[k][j] += one * one;
            }
    for (int64_t i = PLACES * apart; i < count; i++) sum += (double)x[i] * (double)x[i];
    for (int k = 0; k < PLACES; k++)
        for (int j = 0; j < SIDE; j++) sum += sums[k][j];
    return sum;
}

typedef struct Squares {
    const real *x;
    double *sums; /* one a block */
    int64_t first;
} Squares;

static void square_block(const void *context, int64_t begin, int64_t end, int worker)
{
    const Squares *s = context;
    (void)worker;
    s->sums[begin / BLOCK] = sum_of_squares(s->x + s->first + begin, end - begin);
}

double grad_norm(const Params *p, double *norms)
{
    (void)norms;
    enum { AT_ONCE = 256 };
    double sums[AT_ONCE], total = 0;
    for (int64_t first = 0; first < p->count; first += (int64_t)AT_ONCE * BLOCK) {
        const int64_t left = p->count - first, most = (int64_t)AT_ONCE * BLOCK;
        const int64_t count = left < most ? left : most;
        threads_range(count, BLOCK, square_block, &(Squares){p->grad, sums, first});
        for (int64_t i = 0; i * BLOCK < count; i++) total += sums[i];
    }
    return sqrt(total);
}

double clip_scale(double norm, double limit)
{
    const double scale = limit / (norm + 1e-6);
    return limit > 0 && scale < 1 ? scale : 1;
}

/* What one update multiplies with, and what with. */
typedef struct Update {
    const Params *params;
    real keep; /* 1 - lr * weight decay: only of what decays */
    real scale, beta1, beta2, rest1, rest2, root_bias2, eps, size;
} Update;

/* The order of PyTorch's single-tensor AdamW. */
VECTOR static void update(const Update *u, int64_t begin, int64_t end, real keep)
{
    const Update c = *u;
    real *restrict value = c.params->value, *restrict m = c.params->m, *restrict v = c.params->v;
    const real *restrict grad = c.params->grad;
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
        const real g = grad[i] * c.scale;
        const real mean = m[i] * c.beta1 + c.rest1 * g;
        const real square = v[i] * c.beta2 + c.rest2 * g * g;
#ifdef CAPSTAN_DOUBLE
        const real root = sqrt(square);
#else
        const real root = sqrtf(square);
#endif
        m[i] = mean;
        v[i] = square;
        value[i] = value[i] * keep - c.size * mean / (root / c.root_bias2 + c.eps);
    }
}

/* A block of the whole; what lies in it of each parameter, by itself. */
static void update_block(const void *context, int64_t begin, int64_t end, int worker)
{
    const Update *u = context;
    (void)worker;
    for (const Param *one = u->params->first; one; one = one->next) {
        const int64_t first = one->tensor.offset, after = first + shape_count(one->tensor.shape);
        if (first < end && begin < after)
            update(u, begin > first ? begin : first, end < after ? end : after,
                   one->decay ? u->keep : 1);
    }
}

void adamw_step(Params *p, const OptimConfig *c, double lr, double grad_scale, int64_t step,
                UpdateStats *stats)
{
    (void)stats;
    const double bias1 = 1 - pow(c->beta1, (double)step), bias2 = 1 - pow(c->beta2, (double)step);
    const Update u = {
        .params = p,
        .keep = (real)(1 - lr * c->weight_decay),
        .scale = (real)grad_scale,
        .beta1 = (real)c->beta1,
        .beta2 = (real)c->beta2,
        .rest1 = (real)(1 - c->beta1),
        .rest2 = (real)(1 - c->beta2),
        .root_bias2 = (real)sqrt(bias2),
        .eps = (real)c->eps,
        .size = (real)(lr / bias1),
    };
    threads_range(p->count, BLOCK, update_block, &u);
}

#include "train/bench/gemm_bound.h"

#include <omp.h>

#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "train/support/clock.h"
#include "train/support/quantile.h"

enum { SHARED_BY_GEMM, BY_ROWS, BY_COLUMNS, WAYS };
enum { TRIES = 5 };

/* c [m, n] = op(a) op(b), as for gemm(). */
typedef struct Call {
    GemmOp op;
    int64_t m, n, k;
    const real *a, *b;
    int64_t lda, ldb;
    real *c;
    const bf16 *a_bf16, *b_bf16; /* instead of a and b: rows side by side */
} Call;

/* In bfloat16, dy is transposed for dw as training does it; the values of the numbers do not
 * matter. */
static Call call_of(const GemmBound *b, const BoundProduct *p, int direction, int64_t index)
{
    const int64_t rows = p->rows, out = p->out, in = p->in, w_at = index * out * in,
                  x_at = index * rows * in, y_at = index * rows * out;
    real *w = p->w + w_at, *dw = p->dw + w_at, *x = p->x + x_at, *y = p->y + y_at;
    if (b->is_bf16) {
        const bf16 *w_bf16 = p->w_bf16 + w_at, *x_bf16 = p->x_bf16 + x_at,
                   *y_bf16 = p->y_bf16 + y_at;
        if (direction == BOUND_FORWARD)
            return (Call){GEMM_NT, rows, out, in, .c = y, .a_bf16 = x_bf16, .b_bf16 = w_bf16};
        if (direction == BOUND_DX)
            return (Call){GEMM_NN, rows, in, out, .c = b->dx, .a_bf16 = y_bf16, .b_bf16 = w_bf16};
        return (Call){GEMM_NN, out, in, rows, .c = dw, .a_bf16 = y_bf16, .b_bf16 = x_bf16};
    }
    if (direction == BOUND_FORWARD)
        return (Call){GEMM_NT, rows, out, in, x, w, in, in, y, .a_bf16 = NULL};
    if (direction == BOUND_DX)
        return (Call){GEMM_NN, rows, in, out, y, w, out, in, b->dx, .a_bf16 = NULL};
    return (Call){GEMM_TN, out, in, rows, y, x, out, in, dw, .a_bf16 = NULL};
}

static void multiply_bf16(const Call *c, int64_t begin, int64_t end)
{
    gemm_bf16(&(GemmBf16){.op = c->op,
                          .m = end - begin,
                          .n = c->n,
                          .k = c->k,
                          .a = c->a_bf16 + begin * c->k,
                          .b = c->b_bf16,
                          .c = c->c + begin * c->n});
}

static void multiply_part(const Call *c, int way, int64_t begin, int64_t end)
{
    if (begin >= end) return;
    if (c->a_bf16)
        multiply_bf16(c, begin, end);
    else if (way == BY_ROWS)
        gemm(c->op, end - begin, c->n, c->k, c->a + (c->op == GEMM_TN ? begin : begin * c->lda),
             c->lda, c->b, c->ldb, c->c + begin * c->n, c->n, false);
    else
        gemm(c->op, c->m, end - begin, c->k, c->a, c->lda,
             c->b + (c->op == GEMM_NT ? begin * c->ldb : begin), c->ldb, c->c + begin, c->n, false);
}

static void multiply(const GemmBound *b, const BoundProduct *p, int direction, int64_t index,
                     int way)
{
    const Call c = call_of(b, p, direction, index);
    if (way == SHARED_BY_GEMM) {
        if (c.a_bf16)
            multiply_bf16(&c, 0, c.m);
        else
            gemm(c.op, c.m, c.n, c.k, c.a, c.lda, c.b, c.ldb, c.c, c.n, false);
        return;
    }
    const int64_t length = way == BY_ROWS ? c.m : c.n;
#pragma omp parallel num_threads(b->threads)
    {
        /* Kernels work on units of 16 rows or columns. */
        const int64_t id = omp_get_thread_num(), team = omp_get_num_threads(),
                      units = (length + 15) / 16, begin = units * id / team * 16,
                      end = units * (id + 1) / team * 16;
        multiply_part(&c, way, begin, end < length ? end : length);
    }
}

static void run_calls(const GemmBound *b, const BoundNode *n, int from, int to)
{
    for (int d = from; d <= to; d++) multiply(b, n->product, d, n->index, n->product->way[d]);
}

static void run_linear(const GemmBound *b)
{
    for (int64_t i = 0; i < b->node_count; i++) {
        const BoundProduct *p = b->nodes[i].product;
        if (p) run_calls(b, &b->nodes[i], BOUND_FORWARD, p->is_loss ? BOUND_DW : BOUND_FORWARD);
    }
    for (int64_t i = b->node_count; i-- > 0;) {
        const BoundProduct *p = b->nodes[i].product;
        if (p && !p->is_loss) run_calls(b, &b->nodes[i], BOUND_DX, BOUND_DW);
    }
}

static void run_attention(const GemmBound *b)
{
    for (int64_t i = 0; i < b->node_count; i++)
        if (b->nodes[i].attention)
            bound_attention_pass(b, b->nodes[i].attention, b->nodes[i].index, false);
    for (int64_t i = b->node_count; i-- > 0;)
        if (b->nodes[i].attention)
            bound_attention_pass(b, b->nodes[i].attention, b->nodes[i].index, true);
}

void gemm_bound_run(const GemmBound *b, double *linear_seconds, double *attention_seconds)
{
    const double begin = clock_seconds();
    run_linear(b);
    const double middle = clock_seconds();
    run_attention(b);
    *linear_seconds = middle - begin;
    *attention_seconds = clock_seconds() - middle;
}

/* Times a call alone and keeps the fastest way of sharing it. */
static void calibrate(GemmBound *b, BoundProduct *p, int direction)
{
    const double flops = 2.0 * (double)(p->rows * p->out) * (double)p->in;
    const int inner = flops < 2e8 ? 16 : flops < 2e9 ? 4 : 1;
    const int ways = b->threads == 1 ? 1 : b->is_bf16 ? BY_ROWS + 1 : WAYS;
    for (int way = 0; way < ways; way++) {
        double times[TRIES];
        for (int i = -1; i < TRIES; i++) {
            const double begin = clock_seconds();
            for (int j = 0; j < inner; j++) multiply(b, p, direction, (i + 1 + j) % p->count, way);
            if (i >= 0) times[i] = (clock_seconds() - begin) / inner;
        }
        const double rate = flops / median(times, TRIES);
        if (rate > p->rate[direction]) {
            p->rate[direction] = rate;
            p->way[direction] = way;
        }
    }
}

static double number(int64_t i)
{
    return (double)((uint32_t)i * 2654435761u >> 16 & 255) / 256 - 0.5;
}

real *bound_numbers(GemmBound *b, int64_t count)
{
    real *x = arena_take(&b->arena, count * (int64_t)sizeof *x);
    for (int64_t i = 0; x && i < count; i++) x[i] = (real)number(i);
    return x;
}

bf16 *bound_numbers_bf16(GemmBound *b, int64_t count)
{
    bf16 *x = arena_take(&b->arena, count * (int64_t)sizeof *x);
    for (int64_t i = 0; x && i < count; i++) x[i] = bf16_of((real)number(i));
    return x;
}

static Status take_memory(GemmBound *b)
{
    int64_t widest = 0;
    for (int i = 0; i < b->product_count; i++) {
        BoundProduct *p = &b->products[i];
        const int64_t w = p->count * p->out * p->in, x = p->count * p->rows * p->in,
                      y = p->count * p->rows * p->out;
        p->w = bound_numbers(b, w);
        p->dw = bound_numbers(b, w);
        p->x = bound_numbers(b, x);
        p->y = bound_numbers(b, y);
        if (!p->w || !p->dw || !p->x || !p->y) return FAIL(E_NOMEM, "matrices of one step");
        if (b->is_bf16) {
            p->w_bf16 = bound_numbers_bf16(b, w);
            p->x_bf16 = bound_numbers_bf16(b, x);
            p->y_bf16 = bound_numbers_bf16(b, y);
            if (!p->w_bf16 || !p->x_bf16 || !p->y_bf16)
                return FAIL(E_NOMEM, "matrices of one step");
        }
        if (p->rows * p->in > widest) widest = p->rows * p->in;
        b->linear_flops += 6.0 * (double)p->rows * (double)w;
    }
    b->dx = bound_numbers(b, widest);
    return b->dx ? OK : FAIL(E_NOMEM, "matrices of one step");
}

Status gemm_bound_open(GemmBound *b, const Gpt *g, int64_t sequences, int threads)
{
    *b = (GemmBound){.is_bf16 = g->bf16, .threads = threads};
    TRY(bound_model_read(b, g, sequences));
    TRY(take_memory(b));
    for (int i = 0; i < b->product_count; i++)
        for (int d = 0; d < BOUND_CALLS; d++) calibrate(b, &b->products[i], d);
    return bound_attention_open(b);
}

void gemm_bound_close(GemmBound *b)
{
    arena_free(&b->arena);
    *b = (GemmBound){0};
}

#include "train/bench/gemm_bound.h"

#include <omp.h>
#include <string.h>

#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "layers/mlp.h"
#include "train/bench/bound_attention.h"
#include "train/plan/probe.h"
#include "train/support/clock.h"
#include "train/support/quantile.h"

enum { SPREAD, BY_ROWS, BY_COLUMNS, WAYS };
enum { FORWARD, DX, DW, DIRECTIONS };
enum { TRIES = 5, HEAD = BOUND_PRODUCTS - 1 };

/* c [m, n] = op(a) op(b), as gemm() says it. */
typedef struct Call {
    GemmOp op;
    int64_t m, n, k;
    const real *a, *b;
    int64_t lda, ldb;
    real *c;
    const bf16 *a_bf16, *b_bf16; /* instead of a and b: rows side by side */
} Call;

/* In bfloat16 as training does it, dy turned for dw: what the numbers are does not matter. */
static Call call_of(const GemmBound *b, const BoundProduct *p, int direction, int64_t layer)
{
    const int64_t w_at = layer * p->out * p->in, x_at = layer * b->rows * p->in,
                  y_at = layer * b->rows * p->out;
    real *w = p->w + w_at, *dw = p->dw + w_at, *x = p->x + x_at, *y = p->y + y_at;
    if (b->low) {
        const bf16 *w_bf16 = p->w_bf16 + w_at, *x_bf16 = p->x_bf16 + x_at,
                   *y_bf16 = p->y_bf16 + y_at;
        if (direction == FORWARD)
            return (Call){.op = GEMM_NT, b->rows, p->out, p->in, .c = y, .a_bf16 = x_bf16, w_bf16};
        if (direction == DX)
            return (
                Call){.op = GEMM_NN, b->rows, p->in, p->out, .c = b->dx, .a_bf16 = y_bf16, w_bf16};
        return (Call){.op = GEMM_NN, p->out, p->in, b->rows, .c = dw, .a_bf16 = y_bf16, x_bf16};
    }
    if (direction == FORWARD)
        return (Call){GEMM_NT, b->rows, p->out, p->in, x, w, p->in, p->in, y, .a_bf16 = NULL};
    if (direction == DX)
        return (Call){GEMM_NN, b->rows, p->in, p->out, y, w, p->out, p->in, b->dx, .a_bf16 = NULL};
    return (Call){GEMM_TN, p->out, p->in, b->rows, y, x, p->out, p->in, dw, .a_bf16 = NULL};
}

static void multiply_low(const Call *c, int64_t begin, int64_t end)
{
    gemm_bf16(&(GemmBf16){.op = c->op,
                          .m = end - begin,
                          .n = c->n,
                          .k = c->k,
                          .a = c->a_bf16 + begin * c->k,
                          .b = c->b_bf16,
                          .c = c->c + begin * c->n});
}

static void part(const Call *c, int way, int64_t begin, int64_t end)
{
    if (begin >= end) return;
    if (c->a_bf16)
        multiply_low(c, begin, end);
    else if (way == BY_ROWS)
        gemm(c->op, end - begin, c->n, c->k, c->a + (c->op == GEMM_TN ? begin : begin * c->lda),
             c->lda, c->b, c->ldb, c->c + begin * c->n, c->n, false);
    else
        gemm(c->op, c->m, end - begin, c->k, c->a, c->lda,
             c->b + (c->op == GEMM_NT ? begin * c->ldb : begin), c->ldb, c->c + begin, c->n, false);
}

static void multiply(const GemmBound *b, const BoundProduct *p, int direction, int64_t layer,
                     int way)
{
    const Call c = call_of(b, p, direction, layer);
    if (way == SPREAD) {
        if (c.a_bf16)
            multiply_low(&c, 0, c.m);
        else
            gemm(c.op, c.m, c.n, c.k, c.a, c.lda, c.b, c.ldb, c.c, c.n, false);
        return;
    }
    const int64_t length = way == BY_ROWS ? c.m : c.n;
#pragma omp parallel num_threads(b->threads)
    {
        /* In sixteens, which is what kernels work in. */
        const int64_t id = omp_get_thread_num(), team = omp_get_num_threads(),
                      units = (length + 15) / 16, begin = units * id / team * 16,
                      end = units * (id + 1) / team * 16;
        part(&c, way, begin, end < length ? end : length);
    }
}

static void run_linear(const GemmBound *b)
{
    const int64_t layers = b->config->layers;
    for (int64_t l = 0; l < layers; l++)
        for (int i = 0; i < HEAD; i++)
            multiply(b, &b->products[i], FORWARD, l, b->products[i].way[FORWARD]);
    for (int d = 0; d < DIRECTIONS; d++)
        multiply(b, &b->products[HEAD], d, 0, b->products[HEAD].way[d]);
    for (int64_t l = layers; l-- > 0;)
        for (int i = HEAD; i-- > 0;)
            for (int d = DX; d <= DW; d++)
                multiply(b, &b->products[i], d, l, b->products[i].way[d]);
}

static void run_attention(const GemmBound *b)
{
    for (int64_t l = 0; l < b->config->layers; l++) bound_attend(b, l, false);
    for (int64_t l = b->config->layers; l-- > 0;) bound_attend(b, l, true);
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

static void calibrate(GemmBound *b, BoundProduct *p, int direction)
{
    const int64_t layers = p == &b->products[HEAD] ? 1 : b->config->layers;
    const double operations = 2.0 * (double)(b->rows * p->out) * (double)p->in;
    const int inner = operations < 2e8 ? 16 : operations < 2e9 ? 4 : 1;
    const int ways = b->threads == 1 ? 1 : b->low ? BY_ROWS + 1 : WAYS;
    for (int way = 0; way < ways; way++) {
        double times[TRIES];
        for (int i = -1; i < TRIES; i++) {
            const double begin = clock_seconds();
            for (int j = 0; j < inner; j++) multiply(b, p, direction, (i + 1 + j) % layers, way);
            if (i >= 0) times[i] = (clock_seconds() - begin) / inner;
        }
        const double rate = operations / median(times, TRIES);
        if (rate > p->rate[direction]) {
            p->rate[direction] = rate;
            p->way[direction] = way;
        }
    }
}

static void calibrate_attention(GemmBound *b)
{
    static const int64_t blocks[] = {64, 128, 256};
    int64_t best = b->query_block;
    double least = 0;
    const double operations = b->attention_operations / 3 / (double)b->config->layers;
    for (int i = 0; i < 3 && (i == 0 || blocks[i] <= b->config->context); i++) {
        double forward[TRIES], backward[TRIES];
        b->query_block = blocks[i];
        for (int j = -1; j < TRIES; j++) {
            const double begin = clock_seconds();
            bound_attend(b, 0, false);
            const double middle = clock_seconds();
            bound_attend(b, 0, true);
            if (j < 0) continue;
            forward[j] = middle - begin;
            backward[j] = clock_seconds() - middle;
        }
        const double one = median(forward, TRIES), two = median(backward, TRIES);
        if (i && one + two >= least) continue;
        least = one + two;
        best = blocks[i];
        b->attention_rate[0] = operations / one;
        b->attention_rate[1] = 2 * operations / two;
    }
    b->query_block = best;
}

/* Numbers between -1/2 and 1/2, so that nothing overflows and nothing is subnormal. */
static real *numbers(Arena *a, int64_t count)
{
    real *x = arena_take(a, count * (int64_t)sizeof *x);
    for (int64_t i = 0; x && i < count; i++)
        x[i] = (real)((double)((uint32_t)i * 2654435761u >> 16 & 255) / 256 - 0.5);
    return x;
}

static bf16 *numbers_bf16(Arena *a, int64_t count)
{
    bf16 *x = arena_take(a, count * (int64_t)sizeof *x);
    for (int64_t i = 0; x && i < count; i++)
        x[i] = bf16_of((real)((double)((uint32_t)i * 2654435761u >> 16 & 255) / 256 - 0.5));
    return x;
}

static Status make_low(GemmBound *b, BoundProduct *p, int64_t layers)
{
    p->w_bf16 = numbers_bf16(&b->arena, layers * p->out * p->in);
    p->x_bf16 = numbers_bf16(&b->arena, layers * b->rows * p->in);
    p->y_bf16 = numbers_bf16(&b->arena, layers * b->rows * p->out);
    return p->w_bf16 && p->x_bf16 && p->y_bf16 ? OK : FAIL(E_NOMEM, "matrices of one step");
}

static Status make(GemmBound *b)
{
    const GptConfig *c = b->config;
    const int64_t qkv = c->width + 2 * (c->width / c->heads * c->kv_heads),
                  up = c->mlp_width * (mlp_is_gated(c) ? 2 : 1);
    const BoundProduct shapes[BOUND_PRODUCTS] = {{.name = "qkv", qkv, c->width},
                                                 {.name = "out", c->width, c->width},
                                                 {.name = "up", up, c->width},
                                                 {.name = "down", c->width, c->mlp_width},
                                                 {.name = "head", b->vocab_size, c->width}};
    int64_t widest = 0;
    for (int i = 0; i < BOUND_PRODUCTS; i++) {
        BoundProduct *p = &b->products[i];
        *p = shapes[i];
        const int64_t layers = i == HEAD ? 1 : c->layers, size = layers * p->out * p->in;
        p->w = numbers(&b->arena, size);
        p->dw = numbers(&b->arena, size);
        p->x = numbers(&b->arena, layers * b->rows * p->in);
        p->y = numbers(&b->arena, layers * b->rows * p->out);
        if (!p->w || !p->dw || !p->x || !p->y) return FAIL(E_NOMEM, "matrices of one step");
        if (b->low) TRY(make_low(b, p, layers));
        if (p->in > widest) widest = p->in;
        b->linear_operations += 6.0 * (double)b->rows * (double)size;
    }
    b->dx = numbers(&b->arena, b->rows * widest);
    b->dqkv = numbers(&b->arena, b->rows * qkv);
    b->scores = numbers(&b->arena, b->threads * 2 * INT64_C(256) * c->context);
    if (b->low)
        b->scores_bf16 = numbers_bf16(&b->arena, b->threads * 2 * INT64_C(256) * c->context);
    if (!b->dx || !b->dqkv || !b->scores || (b->low && !b->scores_bf16))
        return FAIL(E_NOMEM, "matrices of one step");
    b->attention_operations =
        6.0 * (double)b->rows * (double)c->context * (double)c->width * (double)c->layers;
    return OK;
}

Status gemm_bound_open(GemmBound *b, const GptConfig *c, int64_t vocab_size, int64_t batch,
                       bool low, int threads)
{
    *b = (GemmBound){.config = c,
                     .low = low,
                     .vocab_size = vocab_size,
                     .batch = batch,
                     .rows = batch * c->context,
                     .threads = threads};
    TRY(make(b));
    for (int i = 0; i < BOUND_PRODUCTS; i++)
        for (int d = 0; d < DIRECTIONS; d++) calibrate(b, &b->products[i], d);
    calibrate_attention(b);
    return OK;
}

void gemm_bound_close(GemmBound *b)
{
    arena_free(&b->arena);
    *b = (GemmBound){0};
}

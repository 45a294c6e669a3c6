#include <omp.h>

#include "autograd/kernels/gemm.h"
#include "train/bench/gemm_bound.h"
#include "train/support/clock.h"
#include "train/support/quantile.h"

enum { TRIES = 5, QUERY_BLOCK_MAX = 256 };

static int64_t rows_of(const BoundAttention *a)
{
    return a->segments * a->context;
}

/* Columns of q, k and v together. */
static int64_t columns_of(const BoundAttention *a)
{
    return (a->heads + a->kv_heads) * a->head_width + a->kv_heads * a->value_width;
}

/* The first key that the queries from i on see. */
static int64_t first_key(const BoundAttention *a, int64_t i)
{
    return a->window && i >= a->window ? i - a->window + 1 : 0;
}

/* One segment and one key head, of one attention. */
typedef struct Unit {
    const GemmBound *b;
    const BoundAttention *a;
    int64_t index, segment, kv_head;
    bool backward;
} Unit;

static void attend(const Unit *u)
{
    const BoundAttention *a = u->a;
    const int64_t dk = a->head_width, dv = a->value_width, ld = columns_of(a), ldy = a->heads * dv,
                  group = a->heads / a->kv_heads, row = u->segment * a->context,
                  k_column = (a->heads + u->kv_head) * dk,
                  v_column = (a->heads + a->kv_heads) * dk + u->kv_head * dv;
    const real *all = a->qkv + (u->index * rows_of(a) + row) * ld, *k = all + k_column,
               *v = all + v_column;
    real *dall = u->b->dqkv + row * ld, *dkeys = dall + k_column, *dvalues = dall + v_column,
         *p = u->b->scores + omp_get_thread_num() * 2 * a->query_block * a->context,
         *dp = p + a->query_block * a->context;

    for (int64_t head = u->kv_head * group; head < (u->kv_head + 1) * group; head++)
        for (int64_t i = 0; i < a->context; i += a->query_block) {
            const int64_t left = a->context - i, m = left < a->query_block ? left : a->query_block,
                          from = first_key(a, i), n = i + m - from, at = from * ld;
            const real *q = all + i * ld + head * dk;
            real *y = a->y + (u->index * rows_of(a) + row + i) * ldy + head * dv;
            if (!u->backward) {
                gemm(GEMM_NT, m, n, dk, q, ld, k + at, ld, p, n, false);
                gemm(GEMM_NN, m, dv, n, p, n, v + at, ld, y, ldy, false);
            } else { /* y is used as its own gradient */
                gemm(GEMM_NT, m, n, dv, y, ldy, v + at, ld, dp, n, false);
                gemm(GEMM_NN, m, dk, n, dp, n, k + at, ld, dall + i * ld + head * dk, ld, false);
                gemm(GEMM_TN, n, dv, m, p, n, y, ldy, dvalues + at, ld, false);
                gemm(GEMM_TN, n, dk, m, dp, n, q, ld, dkeys + at, ld, false);
            }
        }
}

static void product(GemmOp op, int64_t m, int64_t n, int64_t k, const bf16 *a, const bf16 *b,
                    real *c, bf16 *c_bf16)
{
    gemm_bf16(
        &(GemmBf16){.op = op, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .c_bf16 = c_bf16});
}

/* Each head's rows lie side by side and scores are stored transposed where that is faster: the best
 * that oneDNN does. The values of the numbers do not matter. */
static void attend_bf16(const Unit *u)
{
    const BoundAttention *a = u->a;
    const int64_t dk = a->head_width, dv = a->value_width, group = a->heads / a->kv_heads,
                  kv = u->segment * a->kv_heads + u->kv_head,
                  keys = rows_of(a) * a->heads * dk + kv * a->context * dk,
                  values = rows_of(a) * (a->heads + a->kv_heads) * dk + kv * a->context * dv,
                  y = u->index * rows_of(a) * a->heads * dv;
    const bf16 *all = a->qkv_bf16 + u->index * rows_of(a) * columns_of(a), *k = all + keys,
               *v = all + values;
    real *dall = u->b->dqkv;
    bf16 *p = u->b->scores_bf16 + omp_get_thread_num() * a->query_block * a->context;

    for (int64_t head = u->kv_head * group; head < (u->kv_head + 1) * group; head++)
        for (int64_t i = 0; i < a->context; i += a->query_block) {
            const int64_t left = a->context - i, m = left < a->query_block ? left : a->query_block,
                          from = first_key(a, i), n = i + m - from,
                          first = (u->segment * a->heads + head) * a->context + i;
            const bf16 *q = all + first * dk, *dy = a->y_bf16 + y + first * dv;
            if (!u->backward) {
                product(GEMM_NT, m, n, dk, q, k + from * dk, NULL, p);
                product(GEMM_NN, m, dv, n, p, v + from * dv, a->y + y + first * dv, NULL);
            } else {
                product(GEMM_NT, m, n, dv, dy, v + from * dv, NULL, p);
                product(GEMM_NN, m, dk, n, p, k + from * dk, dall + first * dk, NULL);
                product(GEMM_NN, n, dv, m, p, dy, dall + values + from * dv, NULL);
                product(GEMM_NN, n, dk, m, p, q, dall + keys + from * dk, NULL);
            }
        }
}

void bound_attention_pass(const GemmBound *b, const BoundAttention *a, int64_t index, bool backward)
{
    const int64_t count = a->segments * a->kv_heads;
#pragma omp parallel for schedule(dynamic, 1) num_threads(b->threads)
    for (int64_t i = 0; i < count; i++)
        (b->is_bf16 ? attend_bf16
                    : attend)(&(Unit){b, a, index, i / a->kv_heads, i % a->kv_heads, backward});
}

/* Median seconds of a forward and a backward pass. */
static void time_passes(const GemmBound *b, const BoundAttention *a, double seconds[2])
{
    double times[2][TRIES];
    for (int i = -1; i < TRIES; i++)
        for (int pass = 0; pass < 2; pass++) {
            const double begin = clock_seconds();
            bound_attention_pass(b, a, 0, pass == BOUND_BACKWARD);
            if (i >= 0) times[pass][i] = clock_seconds() - begin;
        }
    for (int pass = 0; pass < 2; pass++) seconds[pass] = median(times[pass], TRIES);
}

static void choose_block(GemmBound *b, BoundAttention *a)
{
    double best[2] = {0};
    int64_t fastest = 64;
    for (int64_t block = 64; block <= QUERY_BLOCK_MAX; block *= 2) {
        double seconds[2];
        if (block > 64 && block > a->context) break;
        a->query_block = block;
        time_passes(b, a, seconds);
        if (block > 64 && seconds[0] + seconds[1] >= best[0] + best[1]) continue;
        fastest = block;
        best[0] = seconds[0], best[1] = seconds[1];
    }
    a->query_block = fastest;
    a->rate[0] = a->flops / best[0];
    a->rate[1] = 2 * a->flops / best[1];
}

static Status take_memory(GemmBound *b)
{
    int64_t widest = 0, longest = 0;
    for (int i = 0; i < b->attention_count; i++) {
        BoundAttention *a = &b->attentions[i];
        const int64_t qkv = rows_of(a) * columns_of(a), y = rows_of(a) * a->heads * a->value_width;
        a->qkv = bound_numbers(b, a->count * qkv);
        a->y = bound_numbers(b, a->count * y);
        if (!a->qkv || !a->y) return FAIL(E_NOMEM, "matrices of one step");
        if (b->is_bf16) {
            a->qkv_bf16 = bound_numbers_bf16(b, a->count * qkv);
            a->y_bf16 = bound_numbers_bf16(b, a->count * y);
            if (!a->qkv_bf16 || !a->y_bf16) return FAIL(E_NOMEM, "matrices of one step");
        }
        if (qkv > widest) widest = qkv;
        if (a->context > longest) longest = a->context;
    }
    const int64_t scores = b->threads * 2 * (int64_t)QUERY_BLOCK_MAX * longest;
    b->dqkv = bound_numbers(b, widest);
    b->scores = bound_numbers(b, scores);
    if (b->is_bf16) b->scores_bf16 = bound_numbers_bf16(b, scores);
    return b->dqkv && b->scores && (!b->is_bf16 || b->scores_bf16)
               ? OK
               : FAIL(E_NOMEM, "matrices of one step");
}

Status bound_attention_open(GemmBound *b)
{
    double flops[2] = {0}, seconds[2] = {0};
    TRY(take_memory(b));
    for (int i = 0; i < b->attention_count; i++) {
        BoundAttention *a = &b->attentions[i];
        choose_block(b, a);
        for (int pass = 0; pass < 2; pass++) {
            const double work = (pass + 1) * (double)a->count * a->flops;
            flops[pass] += work;
            seconds[pass] += work / a->rate[pass];
        }
    }
    for (int pass = 0; pass < 2; pass++)
        b->attention_rate[pass] = seconds[pass] > 0 ? flops[pass] / seconds[pass] : 0;
    b->attention_flops = flops[0] + flops[1];
    return OK;
}

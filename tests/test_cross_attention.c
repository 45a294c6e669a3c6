/* Attention of each segment's queries over keys of another source: more of them, fewer, or none.
 * Against loops in double; packed or alone, and on any number of threads, the same bits. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { HEADS = 2, WIDTH = 12, VALUE = 20, SEGMENTS = 4, ROWS_MAX = 260 };
enum { Q_WIDTH = HEADS * WIDTH, KV_WIDTH = WIDTH + VALUE, OUT = HEADS * VALUE };

static const int queries[SEGMENTS] = {70, 3, 9, 130}, keys[SEGMENTS] = {9, 41, 0, 77};
static const double slopes[HEADS] = {.5, .25};
static Tape tape;

static void close_tape(void)
{
    tape_free(&tape);
    threads_set(0);
}

TestSuite(cross_attention, .fini = close_tape);

/* Some segments one after the other, and what comes of them. */
typedef struct Run {
    int segments;
    int32_t q_begin[SEGMENTS + 1], k_begin[SEGMENTS + 1], first[ROWS_MAX], end[ROWS_MAX];
    real q[ROWS_MAX * Q_WIDTH], kv[ROWS_MAX * KV_WIDTH], g[ROWS_MAX * OUT];
    real y[ROWS_MAX * OUT], dq[ROWS_MAX * Q_WIDTH], dkv[ROWS_MAX * KV_WIDTH];
} Run;

static void fill(real *x, int64_t count, int segment, const char *stream)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = (real)rng_normal(rng_stream((uint64_t)segment, stream), (uint64_t)i, 0);
}

/* Every ninth row sees nothing, others a part of the keys. */
static void interval(int segment, int i, int32_t *first, int32_t *end)
{
    const int count = keys[segment];
    *first = i % 5 == 3 ? count / 2 : 0;
    *end = i % 9 == 4 ? 0 : i % 4 ? count : (count + 1) / 2;
}

static Run *make(int segments, int from)
{
    Run *r = calloc(1, sizeof *r);
    r->segments = segments;
    for (int s = 0; s < segments; s++) {
        const int which = from + s;
        const int64_t row = r->q_begin[s], key = r->k_begin[s];
        fill(r->q + row * Q_WIDTH, queries[which] * Q_WIDTH, which, "q");
        fill(r->kv + key * KV_WIDTH, keys[which] * KV_WIDTH, which, "kv");
        fill(r->g + row * OUT, queries[which] * OUT, which, "g");
        for (int i = 0; i < queries[which]; i++)
            interval(which, i, &r->first[row + i], &r->end[row + i]);
        r->q_begin[s + 1] = (int32_t)row + queries[which];
        r->k_begin[s + 1] = (int32_t)key + keys[which];
    }
    return r;
}

static void set_bf16(Tensor *x, bf16 *numbers)
{
    to_bf16(numbers, x->data, shape_count(x->shape));
    x->bf16 = numbers;
    x->data = NULL;
}

static void run(Run *r, bool in_bf16)
{
    static bf16 q_bf16[ROWS_MAX * Q_WIDTH], kv_bf16[ROWS_MAX * KV_WIDTH];
    bool written[2] = {0};
    const int64_t rows = r->q_begin[r->segments], count = r->k_begin[r->segments];
    Tensor q = {.shape = SHAPE_OF(rows, Q_WIDTH), .data = r->q, .name = "q", .wants_grad = true};
    Tensor kv = {.shape = SHAPE_OF(count, KV_WIDTH), .data = r->kv, .name = "kv", .index = 1};
    const Attention a = {.heads = HEADS,
                         .kv_heads = 1,
                         .head_width = WIDTH,
                         .value_width = VALUE,
                         .v_column = WIDTH,
                         .scale = .3,
                         .slopes = slopes,
                         .rows = {r->segments, r->q_begin, r->k_begin, r->first, r->end, NULL}};
    kv.wants_grad = true;
    tape_reset(&tape);
    tape_record(&tape, r->dq, written);
    if (in_bf16) {
        set_bf16(&q, q_bf16);
        set_bf16(&kv, kv_bf16);
        tape.bf16 = BF16_RESULTS;
    }
    Tensor *y = ag_attention(&tape, &q, &kv, &kv, &a);
    cr_assert(y, "%s", error_message());
    if (in_bf16)
        from_bf16(r->y, y->bf16, rows * OUT);
    else
        memcpy(r->y, y->data, (size_t)(rows * OUT) * sizeof *r->y);
    Node *n = y->from;
    n->dout = r->g;
    n->din[0] = r->dq;
    n->din[1] = n->din[2] = r->dkv;
    n->add[2] = true;
    memset(r->dq, 255, sizeof r->dq);
    memset(r->dkv, 255, sizeof r->dkv);
    n->op->backward(n);
}

static bool same(const real *x, const real *y, int64_t count)
{
    return !memcmp(x, y, (size_t)count * sizeof *x);
}

static void packed_is_alone(bool in_bf16)
{
    Run *all = make(SEGMENTS, 0);
    run(all, in_bf16);
    for (int s = 0; s < SEGMENTS; s++) {
        Run *alone = make(1, s);
        const int64_t row = all->q_begin[s], key = all->k_begin[s];
        run(alone, in_bf16);
        cr_expect(same(alone->y, all->y + row * OUT, queries[s] * OUT), "y of %d", s);
        cr_expect(same(alone->dq, all->dq + row * Q_WIDTH, queries[s] * Q_WIDTH), "dq of %d", s);
        cr_expect(same(alone->dkv, all->dkv + key * KV_WIDTH, keys[s] * KV_WIDTH), "dkv of %d", s);
        free(alone);
    }
    free(all);
}

Test(cross_attention, packed_is_alone)
{
    packed_is_alone(false);
    packed_is_alone(true);
}

Test(cross_attention, bits_do_not_depend_on_threads)
{
    for (int in_bf16 = 0; in_bf16 < 2; in_bf16++) {
        threads_set(1);
        Run *one = make(SEGMENTS, 0);
        run(one, in_bf16);
        for (int threads = 2; threads <= 4; threads++) {
            Run *many = make(SEGMENTS, 0);
            threads_set(threads);
            run(many, in_bf16);
            cr_expect_eq(memcmp(one, many, sizeof *one), 0, "%d threads", threads);
            free(many);
        }
        free(one);
    }
}

/* The result of one row of head h in double. */
static void row_by_loops(const Run *r, int s, int i, int h, double *y)
{
    const real *q = r->q + (r->q_begin[s] + i) * Q_WIDTH + h * WIDTH;
    const real *k = r->kv + r->k_begin[s] * KV_WIDTH, *v = k + WIDTH;
    double p[ROWS_MAX], sum = 0;
    int32_t first, end;
    interval(s, i, &first, &end);
    for (int j = first; j < end; j++) {
        p[j] = -slopes[h] * abs(keys[s] - queries[s] + i - j);
        for (int c = 0; c < WIDTH; c++) p[j] += .3 * (double)q[c] * (double)k[j * KV_WIDTH + c];
        sum += p[j] = exp(p[j]);
    }
    for (int c = 0; c < VALUE; c++) {
        y[c] = 0;
        for (int j = first; j < end; j++) y[c] += p[j] / sum * (double)v[j * KV_WIDTH + c];
    }
}

static void expect_loops(bool in_bf16, double bound)
{
    Run *r = make(SEGMENTS, 0);
    double off = 0, size = 0;
    for (int i = 0; i < ROWS_MAX * Q_WIDTH; i++) r->q[i] = bf16_real(bf16_of(r->q[i]));
    for (int i = 0; i < ROWS_MAX * KV_WIDTH; i++) r->kv[i] = bf16_real(bf16_of(r->kv[i]));
    run(r, in_bf16);
    for (int s = 0; s < SEGMENTS; s++)
        for (int i = 0; i < queries[s]; i++)
            for (int h = 0; h < HEADS; h++) {
                double y[VALUE];
                row_by_loops(r, s, i, h, y);
                for (int c = 0; c < VALUE; c++) {
                    const double got = r->y[(r->q_begin[s] + i) * OUT + h * VALUE + c];
                    off += (got - y[c]) * (got - y[c]);
                    size += y[c] * y[c];
                }
            }
    cr_expect_lt(sqrt(off / size), bound, "%g", sqrt(off / size));
    free(r);
}

Test(cross_attention, agrees_with_loops)
{
    expect_loops(false, 1e-6);
    expect_loops(true, 0x1p-8);
}

/* Attention in float: a segment gives the same bits alone, among others, in any order and on any
 * number of threads; nothing leaks from one to another; the three versions agree; values against
 * loops. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/attention.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { HEADS = 4, KV = 2, WIDTH = 20, WIDEST = 37, SEGMENTS = 4, ROWS_MAX = 320 };
enum { COLUMNS = (HEADS + KV) * WIDTH + KV * WIDEST, OUT_MAX = HEADS * WIDEST };
#define OUT (HEADS * value)
enum { CAUSAL, PREFIX, WINDOW, DROPOUT, SLIDING, SLIDING_PREFIX, SINKS, KINDS };

static const int lengths[SEGMENTS] = {70, 3, 41, 130};
static const double slopes[HEADS] = {.5, .25, .125, .0625};
static const int64_t windows[KV] = {21, 5};
static real sinks[HEADS] = {1, -2, 9, 0}; /* learned */
enum { FIRST = 3 };                       /* sinks in SINKS */
static Tape tape;
static bool low;          /* rows are bfloat16 */
static int value = WIDTH; /* width of a head's values */
static const int values[] = {WIDTH, 8, WIDEST};
enum { VALUES = sizeof values / sizeof *values };

static void close_tape(void)
{
    tape_free(&tape);
    threads_set(0);
}

TestSuite(attention, .fini = close_tape);

/* Some segments, one after the other: their rows of numbers, and what comes of them. */
typedef struct Run {
    int segments, rows, first_row, which[SEGMENTS];
    int32_t begin[SEGMENTS + 1], first[ROWS_MAX], end[ROWS_MAX];
    real x[ROWS_MAX * COLUMNS], dx[ROWS_MAX * COLUMNS];
    real g[ROWS_MAX * OUT_MAX], y[ROWS_MAX * OUT_MAX];
    real max_logit[HEADS];
    double entropy[HEADS];
    int64_t seeing; /* rows that see a key */
    bool silent;    /* asks for no measures */
} Run;

/* Row i of segment s sees these. */
static void interval(int kind, int i, int32_t *first, int32_t *end)
{
    *first = kind == WINDOW && i > 20 ? i - 20 : 0;
    *end = (kind == PREFIX || kind == SLIDING_PREFIX) && i < 13 ? 13 : i + 1;
}

static bool slides(int kind)
{
    return kind == SLIDING || kind == SLIDING_PREFIX || kind == SINKS;
}

/* The same, within the window of head h. */
static void head_interval(int kind, int i, int h, int32_t *first, int32_t *end)
{
    const int32_t window = (int32_t)windows[h * KV / HEADS];
    interval(kind, i, first, end);
    if (!slides(kind)) return;
    while (i - *first >= window) ++*first;
    while (*end - 1 - i >= window) --*end;
}

/* A row's numbers depend on its segment and its place there alone. */
static Run *make(int kind, int segments, const int *which)
{
    Run *r = calloc(1, sizeof *r);
    r->segments = segments;
    for (int s = 0; s < segments; s++) {
        r->which[s] = which[s];
        for (int i = 0; i < lengths[which[s]]; i++, r->rows++) {
            const Rng rng = rng_stream((uint64_t)which[s], "attention");
            for (int c = 0; c < COLUMNS; c++)
                r->x[r->rows * COLUMNS + c] = (real)rng_normal(rng, (uint64_t)(i * COLUMNS + c), 0);
            for (int c = 0; c < OUT; c++)
                r->g[r->rows * OUT + c] = (real)rng_normal(rng, (uint64_t)(i * OUT + c), 1);
            interval(kind, i, &r->first[r->rows], &r->end[r->rows]);
            if (r->end[r->rows] > lengths[which[s]]) r->end[r->rows] = lengths[which[s]];
        }
        r->begin[s + 1] = r->rows;
    }
    return r;
}

static double softcap_of(int kind)
{
    return kind == SLIDING_PREFIX || kind == SINKS ? 1.5 : 0;
}

static Tensor learned = {.shape = SHAPE_OF(HEADS), .data = sinks, .name = "sink"};

static Attention attributes(int kind, Run *r)
{
    Attention a = {.heads = HEADS, .kv_heads = KV, .head_width = WIDTH, .scale = .3};
    a.value_width = value == WIDTH ? 0 : value;
    a.k_column = HEADS * WIDTH;
    a.v_column = (HEADS + KV) * WIDTH;
    a.slopes = kind == WINDOW || slides(kind) ? slopes : NULL;
    a.windows = slides(kind) ? windows : NULL;
    a.softcap = softcap_of(kind);
    a.sinks = kind == SINKS ? FIRST : 0;
    a.sink = kind == SINKS ? &learned : NULL;
    a.rows = (AttentionRows){r->segments, r->begin, r->begin, r->first, r->end, NULL};
    if (kind == CAUSAL || kind == DROPOUT || kind == SLIDING || kind == SINKS)
        a.rows.first = a.rows.end = NULL;
    if (kind == DROPOUT) a.dropout = (Dropout){rng_stream(3, "drop"), 5, r->first_row, .25};
    if (!r->silent) a.stats = (AttentionStats){r->max_logit, r->entropy, &r->seeing};
    return a;
}

static void run(int kind, Run *r)
{
    bool written = false;
    Tensor x = {.shape = SHAPE_OF(r->rows, COLUMNS), .data = r->x, .name = "x", .wants_grad = true};
    static bf16 rows[ROWS_MAX * COLUMNS];
    const Attention a = attributes(kind, r);
    tape_reset(&tape);
    tape_record(&tape, r->dx, &written);
    if (low) {
        to_bf16(rows, r->x, r->rows * COLUMNS);
        x.data = NULL;
        x.bf16 = rows;
        tape.bf16 = BF16_RESULTS;
    }
    Tensor *y = ag_attention(&tape, &x, &x, &x, &a);
    cr_assert(y, "%s", error_message());
    if (low)
        from_bf16(r->y, y->bf16, r->rows * OUT);
    else
        memcpy(r->y, y->data, (size_t)(r->rows * OUT) * sizeof *r->y);
    Node *n = y->from;
    n->dout = r->g;
    memset(r->dx, 255, (size_t)(r->rows * COLUMNS) * sizeof *r->dx);
    for (int i = 0; i < 3; i++) {
        n->din[i] = r->dx;
        n->add[i] = i > 0;
    }
    n->op->backward(n);
}

static const int everything[SEGMENTS] = {0, 1, 2, 3}, shuffled[SEGMENTS] = {3, 1, 0, 2};

/* Segment i of r against segment j of s, bit by bit. */
static void same_bits(const Run *r, int i, const Run *s, int j)
{
    const size_t rows = (size_t)lengths[r->which[i]];
    cr_assert_eq(r->which[i], s->which[j]);
    cr_expect_eq(memcmp(r->y + r->begin[i] * OUT, s->y + s->begin[j] * OUT,
                        rows * (size_t)OUT * sizeof(real)),
                 0, "result of segment %d", r->which[i]);
    cr_expect_eq(memcmp(r->dx + r->begin[i] * COLUMNS, s->dx + s->begin[j] * COLUMNS,
                        rows * COLUMNS * sizeof(real)),
                 0, "gradient of segment %d", r->which[i]);
}

ParameterizedTestParameters(attention, packed_is_alone)
{
    static int
        kinds[2 * KINDS * VALUES]; /* and whether rows are bfloat16, and how wide values are */
    for (int i = 0; i < 2 * KINDS * VALUES; i++) kinds[i] = i;
    return cr_make_param_array(int, kinds, 2 * KINDS * VALUES);
}

ParameterizedTest(int *which, attention, packed_is_alone, .fini = close_tape)
{
    const int kind = *which % KINDS;
    low = *which / KINDS % 2;
    value = values[*which / KINDS / 2];
    Run *packed = make(kind, SEGMENTS, everything);
    double entropy[HEADS] = {0};
    run(kind, packed);
    for (int s = 0; s < SEGMENTS; s++) {
        Run *alone = make(kind, 1, everything + s);
        alone->first_row = packed->begin[s]; /* dropout goes by the place in the batch */
        run(kind, alone);
        same_bits(alone, 0, packed, s);
        for (int h = 0; h < HEADS; h++) entropy[h] += alone->entropy[h];
        free(alone);
    }
    cr_expect_eq(memcmp(entropy, packed->entropy, sizeof entropy), 0);
    free(packed);
}

Test(attention, order_of_segments_does_not_matter)
{
    Run *r = make(PREFIX, SEGMENTS, everything), *s = make(PREFIX, SEGMENTS, shuffled);
    run(PREFIX, r);
    run(PREFIX, s);
    for (int j = 0; j < SEGMENTS; j++) same_bits(r, shuffled[j], s, j);
    free(r);
    free(s);
}

static void threads_change_no_bit(void)
{
    threads_set(1);
    Run *one = make(DROPOUT, SEGMENTS, everything);
    run(DROPOUT, one);
    for (int threads = 2; threads <= 4; threads++) {
        threads_set(threads);
        Run *many = make(DROPOUT, SEGMENTS, everything);
        run(DROPOUT, many);
        cr_expect_eq(memcmp(one, many, sizeof *one), 0, "%d threads", threads);
        free(many);
    }
    free(one);
}

Test(attention, bits_do_not_depend_on_threads)
{
    for (int i = 0; i < 2 * VALUES; i++) {
        low = i % 2;
        value = values[i / 2];
        threads_change_no_bit();
    }
}

/* The float kernel of the same, rounded numbers: what differs is rounding to 2^-8, several
 * times. */
Test(attention, bfloat16_is_near_float)
{
    for (int i = 0; i < KINDS * VALUES; i++) {
        const int kind = i % KINDS;
        value = values[i / KINDS];
        Run *r = make(kind, SEGMENTS, everything), *s = make(kind, SEGMENTS, everything);
        double off[2] = {0}, size[2] = {0};
        for (int j = 0; j < ROWS_MAX * COLUMNS; j++)
            r->x[j] = s->x[j] = bf16_real(bf16_of(r->x[j]));
        run(kind, r);
        low = true;
        run(kind, s);
        low = false;
        for (int j = 0; j < r->rows * OUT; j++) {
            off[0] += pow((double)s->y[j] - (double)r->y[j], 2);
            size[0] += pow((double)r->y[j], 2);
        }
        for (int j = 0; j < r->rows * COLUMNS; j++) {
            off[1] += pow((double)s->dx[j] - (double)r->dx[j], 2);
            size[1] += pow((double)r->dx[j], 2);
        }
        cr_expect_gt(off[0], 0);
        cr_expect_lt(sqrt(off[0] / size[0]), 0x1p-8, "kind %d, values of %d", kind, value);
        cr_expect_lt(sqrt(off[1] / size[1]), 0x1p-7, "kind %d, values of %d", kind, value);
        free(r);
        free(s);
    }
}

Test(attention, what_is_no_number_stays_in_its_segment)
{
    Run *clean = make(CAUSAL, SEGMENTS, everything), *dirty = make(CAUSAL, SEGMENTS, everything);
    run(CAUSAL, clean);
    for (int i = dirty->begin[2] * COLUMNS; i < dirty->begin[3] * COLUMNS; i++) dirty->x[i] = NAN;
    for (int i = dirty->begin[2] * OUT; i < dirty->begin[3] * OUT; i++) dirty->g[i] = NAN;
    run(CAUSAL, dirty);
    for (int s = 0; s < SEGMENTS; s++)
        if (s != 2) same_bits(clean, s, dirty, s);
    cr_expect(isnan(dirty->y[dirty->begin[2] * OUT]));
    cr_expect(isnan(dirty->dx[dirty->begin[2] * COLUMNS]));
    free(clean);
    free(dirty);
}

Test(attention, rows_that_see_nothing_are_zero_and_touch_nothing)
{
    static const int one[] = {2};
    Run *r = make(PREFIX, 1, one), *s = make(PREFIX, 1, one);
    for (int i = 30; i < 41; i++) r->first[i] = s->first[i] = r->end[i] = s->end[i] = 0;
    for (int i = 30 * COLUMNS; i < 41 * COLUMNS; i++)
        if (i % COLUMNS < HEADS * WIDTH) s->x[i] = NAN; /* their queries */
    for (int i = 30 * OUT; i < 41 * OUT; i++) s->g[i] = NAN;
    run(PREFIX, r);
    run(PREFIX, s);
    same_bits(r, 0, s, 0);
    for (int i = 30 * OUT; i < 41 * OUT; i++) cr_expect_eq(r->y[i], 0);
    for (int i = 30 * COLUMNS; i < 41 * COLUMNS; i++) cr_expect_eq(r->dx[i], 0);
    free(r);
    free(s);
}

/* q and v of one tensor that has two columns more than they need, k of another. */
Test(attention, one_tensor_given_twice_is_as_two)
{
    enum { SHARED = (HEADS + KV) * WIDTH + 2, KEY = KV * WIDTH };
    Run *r = make(CAUSAL, SEGMENTS, everything);
    bool written[2] = {0};
    real *shared = malloc((size_t)r->rows * SHARED * sizeof *shared),
         *d_shared = malloc((size_t)r->rows * SHARED * sizeof *shared);
    real *key = malloc((size_t)r->rows * KEY * sizeof *key),
         *d_key = malloc((size_t)r->rows * KEY * sizeof *key);
    run(CAUSAL, r);
    for (int i = 0; i < r->rows; i++) {
        const real *x = r->x + i * COLUMNS;
        memcpy(shared + i * SHARED + 1, x, HEADS * WIDTH * sizeof *x);
        memcpy(shared + i * SHARED + 1 + HEADS * WIDTH, x + HEADS * WIDTH + KEY, KEY * sizeof *x);
        memcpy(key + i * KEY, x + HEADS * WIDTH, KEY * sizeof *x);
    }
    Tensor qv = {.shape = SHAPE_OF(r->rows, SHARED), .data = shared, .name = "qv"},
           k = {.shape = SHAPE_OF(r->rows, KEY), .data = key, .name = "k", .index = 1};
    qv.wants_grad = k.wants_grad = true;
    Attention a = attributes(CAUSAL, r);
    a.q_column = 1;
    a.k_column = 0;
    a.v_column = 1 + HEADS * WIDTH;
    tape_reset(&tape);
    tape_record(&tape, shared, written);
    Tensor *y = ag_attention(&tape, &qv, &k, &qv, &a);
    cr_assert(y, "%s", error_message());
    cr_expect_eq(memcmp(y->data, r->y, (size_t)(r->rows * OUT) * sizeof *r->y), 0);
    Node *n = y->from;
    n->dout = r->g;
    n->din[0] = n->din[2] = d_shared;
    n->din[1] = d_key;
    n->add[2] = true;
    memset(d_shared, 255, (size_t)r->rows * SHARED * sizeof *shared);
    memset(d_key, 255, (size_t)r->rows * KEY * sizeof *key);
    n->op->backward(n);
    for (int i = 0; i < r->rows; i++) {
        const real *x = r->dx + i * COLUMNS, *d = d_shared + i * SHARED;
        cr_expect_eq(memcmp(d + 1, x, HEADS * WIDTH * sizeof *x), 0);
        cr_expect_eq(memcmp(d + 1 + HEADS * WIDTH, x + HEADS * WIDTH + KEY, KEY * sizeof *x), 0);
        cr_expect_eq(memcmp(d_key + i * KEY, x + HEADS * WIDTH, KEY * sizeof *x), 0);
        cr_expect(d[0] == 0 && d[SHARED - 1] == 0, "columns that are nobody's");
    }
    free(shared);
    free(d_shared);
    free(key);
    free(d_key);
    free(r);
}

/* Result, largest score, and what the entropy of weights grows by, of one row of head h, in
 * double. */
static double row_by_loops(int kind, const Run *r, int begin, int i, int h, double *y,
                           double *entropy)
{
    const real *x = r->x + begin * COLUMNS, *q = x + i * COLUMNS + h * WIDTH;
    const real *k = x + (HEADS + h * KV / HEADS) * WIDTH,
               *v = x + (HEADS + KV) * WIDTH + h * KV / HEADS * value;
    double max = -INFINITY, sum = 0, score[ROWS_MAX];
    int32_t first, end;
    head_interval(kind, i, h, &first, &end);
    const int32_t others = first;
    if (kind == SINKS) first = 0;
    for (int j = first; j < end; j++) {
        const bool hidden = kind == SINKS && j >= FIRST && j < others;
        score[j] = hidden ? -1e300 : 0;
        for (int c = 0; !hidden && c < WIDTH; c++)
            score[j] += .3 * (double)q[c] * k[j * COLUMNS + c];
        if (!hidden && softcap_of(kind) > 0)
            score[j] = softcap_of(kind) * tanh(score[j] / softcap_of(kind));
        if (kind == WINDOW || slides(kind)) score[j] -= slopes[h] * abs(i - j);
        max = fmax(max, score[j]);
    }
    for (int j = first; j < end; j++) sum += exp(score[j] - max);
    for (int j = first; j < end; j++)
        *entropy -= exp(score[j] - max) / sum * (score[j] - max - log(sum));
    if (kind == SINKS) sum += exp((double)sinks[h] - max);
    for (int c = 0; c < value; c++) {
        y[c] = 0;
        for (int j = first; j < end; j++) y[c] += exp(score[j] - max) / sum * v[j * COLUMNS + c];
    }
    return max;
}

Test(attention, agrees_with_loops)
{
    for (int i = 0; i < KINDS * VALUES; i++) {
        static const int which[] = {3, 2};
        const int kind = i % KINDS;
        if (kind == DROPOUT) continue;
        value = values[i / KINDS];
        Run *r = make(kind, 2, which);
        run(kind, r);
        for (int h = 0; h < HEADS; h++) {
            double y[WIDEST], max = -INFINITY, entropy = 0;
            for (int row = 0; row < r->rows; row++) {
                const int begin = row < r->begin[1] ? 0 : r->begin[1];
                max = fmax(max, row_by_loops(kind, r, begin, row - begin, h, y, &entropy));
                for (int c = 0; c < value; c++)
                    cr_expect_float_eq(r->y[row * OUT + h * value + c], y[c], 1e-5);
            }
            cr_expect_float_eq(r->max_logit[h], max, 1e-5 * fabs(max));
            cr_expect_float_eq(r->entropy[h], entropy, 1e-5 * entropy);
        }
        cr_expect_eq(r->seeing, r->rows);
        free(r);
    }
}

/* Row 5 of six: q sin(i / 2), k cos(i / 2), v sin(1 + .7 i), i counting numbers; computed apart. */
Test(attention, a_window_of_two_with_a_sink_or_a_learned_one)
{
    enum { ROWS = 6 };
    static const int32_t begin[] = {0, ROWS};
    static const double want[3][2] = {{.4815486009, .8034168223},
                                      {.5262594878, .8268016822},
                                      {.2809821729, .4687913205}};
    real score = .5;
    Tensor one = {.shape = SHAPE_OF(1), .data = &score, .name = "sink"};
    for (int i = 0; i < 3; i++) {
        tape_reset(&tape);
        const Attention a = {.heads = 1,
                             .kv_heads = 1,
                             .head_width = 2,
                             .scale = sqrt(.5),
                             .windows = (const int64_t[]){2},
                             .sinks = i == 1,
                             .sink = i == 2 ? &one : NULL,
                             .rows = {1, begin, begin, NULL, NULL, NULL}};
        Tensor *q = tape_tensor(&tape, SHAPE(ROWS, 2)), *k = tape_tensor(&tape, SHAPE(ROWS, 2)),
               *v = tape_tensor(&tape, SHAPE(ROWS, 2));
        for (int j = 0; j < 2 * ROWS; j++) {
            q->data[j] = (real)sin(.5 * j);
            k->data[j] = (real)cos(.5 * j);
            v->data[j] = (real)sin(1 + .7 * j);
        }
        const Tensor *y = ag_attention(&tape, q, k, v, &a);
        cr_assert(y, "%s", error_message());
        for (int c = 0; c < 2; c++) cr_expect_float_eq(y->data[10 + c], want[i][c], 2e-7);
    }
}

/* Scores that grow, so that the largest moves with each tile; of one key, and of none, there is
 * nothing. */
Test(attention, entropy_of_rows_with_few_keys)
{
    enum { ROWS = 200 };
    static const int32_t begin[] = {0, ROWS};
    static int32_t first[ROWS], end[ROWS];
    real max_logit;
    double entropy, want = 0;
    int64_t rows;
    tape_reset(&tape);
    Attention a = {.heads = 1,
                   .kv_heads = 1,
                   .head_width = 1,
                   .scale = 1,
                   .rows = {1, begin, begin, first, end, NULL},
                   .stats = {&max_logit, &entropy, &rows}};
    Tensor *q = tape_tensor(&tape, SHAPE(ROWS, 1)), *k = tape_tensor(&tape, SHAPE(ROWS, 1)),
           *v = tape_wrap(&tape, SHAPE(ROWS, 1), k->data);
    for (int i = 0; i < ROWS; i++) {
        q->data[i] = 1;
        k->data[i] = (real)(i * .1);
        first[i] = i % 3 ? 0 : i;
        end[i] = i % 3 == 1 ? 0 : i + 1;
    }
    cr_assert(ag_attention(&tape, q, k, v, &a), "%s", error_message());
    for (int i = 2; i < ROWS; i += 3) {
        double sum = 0;
        for (int j = 0; j <= i; j++) sum += exp((j - i) * .1);
        for (int j = 0; j <= i; j++) want -= exp((j - i) * .1) / sum * ((j - i) * .1 - log(sum));
    }
    cr_expect_float_eq(entropy, want, 1e-5 * want, "%.9g, not %.9g", entropy, want);
    cr_expect_eq(rows, (ROWS + 2) / 3 + ROWS / 3);
    for (int i = 0; i < ROWS; i++) first[i] = end[i] = 0;
    cr_assert(ag_attention(&tape, q, k, v, &a), "%s", error_message());
    cr_expect(entropy == 0 && rows == 0);
}

/* A query by itself, and a document of one token: they have code of their own. */
Test(attention, entropy_of_one_query)
{
    static const int32_t queries[] = {0, 1, 2}, keys[] = {0, 150, 151};
    double entropy, want = 0, sum = 0;
    int64_t rows;
    tape_reset(&tape);
    const Attention a = {.heads = 1,
                         .kv_heads = 1,
                         .head_width = 1,
                         .scale = 1,
                         .rows = {2, queries, keys, NULL, NULL, NULL},
                         .stats = {NULL, &entropy, &rows}};
    Tensor *q = tape_tensor(&tape, SHAPE(2, 1)), *k = tape_tensor(&tape, SHAPE(151, 1)),
           *v = tape_tensor(&tape, SHAPE(151, 1));
    q->data[0] = q->data[1] = 1;
    for (int i = 0; i < 151; i++) k->data[i] = v->data[i] = (real)((i * 37 % 97) * .05);
    cr_assert(ag_attention(&tape, q, k, v, &a), "%s", error_message());
    for (int i = 0; i < 150; i++) sum += exp((double)k->data[i]);
    for (int i = 0; i < 150; i++)
        want -= exp((double)k->data[i]) / sum * ((double)k->data[i] - log(sum));
    cr_expect_float_eq(entropy, want, 1e-5 * want, "%.9g, not %.9g", entropy, want);
    cr_expect_eq(rows, 2);
}

ParameterizedTestParameters(attention, measures_change_no_bit)
{
    static int kinds[] = {CAUSAL, PREFIX, WINDOW, DROPOUT, SLIDING, SLIDING_PREFIX, SINKS};
    return cr_make_param_array(int, kinds, KINDS);
}

ParameterizedTest(int *kind, attention, measures_change_no_bit, .fini = close_tape)
{
    Run *asked = make(*kind, SEGMENTS, everything), *silent = make(*kind, SEGMENTS, everything);
    silent->silent = true;
    run(*kind, asked);
    run(*kind, silent);
    for (int s = 0; s < SEGMENTS; s++) same_bits(asked, s, silent, s);
    free(asked);
    free(silent);
}

/* T5X's make_decoder_mask: segments 1 1 1 2 2 2 0, prefixes of two tokens, a padding row. Equal
 * scores and values that are the unit vectors show the mask. */
Test(attention, prefixes_of_packed_examples)
{
    static const char *const mask[] = {"1100000", "1100000", "1110000", "0001100",
                                       "0001100", "0001110", "0000000"};
    static const int32_t begin[] = {0, 3, 6, 7}, first[7] = {0}, end[] = {2, 2, 3, 2, 2, 3, 0};
    tape_reset(&tape);
    const Attention a = {.heads = 1,
                         .kv_heads = 1,
                         .head_width = 7,
                         .scale = 1,
                         .rows = {3, begin, begin, first, end, NULL}};
    Tensor *q = tape_tensor(&tape, SHAPE(7, 7)), *v = tape_tensor(&tape, SHAPE(7, 7));
    Tensor *k = tape_tensor(&tape, SHAPE(7, 7));
    memset(q->data, 0, 49 * sizeof *q->data);
    memset(k->data, 0, 49 * sizeof *k->data);
    memset(v->data, 0, 49 * sizeof *v->data);
    for (int i = 0; i < 7; i++) v->data[i * 8] = 1;
    Tensor *y = ag_attention(&tape, q, k, v, &a);
    cr_assert(y, "%s", error_message());
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++) cr_expect_eq(y->data[i * 7 + j] > 0, mask[i][j] == '1');
}

static void unit_by(AttentionPass *forward, AttentionPass *backward, Run *r, int length)
{
    static real log_sum[ROWS_MAX];
    void *scratch = aligned_alloc(64, (size_t)attention_unit_scratch(length, WIDTH, value, true));
    const AttentionMatrix q = {r->x, COLUMNS}, k = {r->x + WIDTH, COLUMNS},
                          v = {r->x + 2 * WIDTH, COLUMNS};
    const AttentionMatrix dq = {r->dx, COLUMNS}, dk = {r->dx + WIDTH, COLUMNS},
                          dv = {r->dx + 2 * WIDTH, COLUMNS};
    memset(scratch, 255, (size_t)attention_unit_scratch(length, WIDTH, value, true));
    const AttentionUnit u = {.queries = length,
                             .keys = length,
                             .head_width = WIDTH,
                             .value_width = value,
                             .group = 1,
                             .q = q,
                             .k = k,
                             .v = v,
                             .y = {r->y, OUT},
                             .dy = {r->g, OUT},
                             .dq = dq,
                             .dk = dk,
                             .dv = dv,
                             .scale = .3,
                             .log_sum = log_sum,
                             .max_logit = r->max_logit,
                             .entropy = r->entropy,
                             .scratch = scratch};
    forward(&u);
    backward(&u);
    free(scratch);
}

static void near(const Run *r, const Run *s)
{
    cr_expect_gt(r->entropy[0], 0);
    cr_expect_float_eq(r->entropy[0], s->entropy[0], 1e-5 * r->entropy[0]);
    cr_expect_float_eq(r->max_logit[0], s->max_logit[0], 1e-5);
    for (int i = 0; i < ROWS_MAX * OUT; i++) cr_expect_float_eq(r->y[i], s->y[i], 1e-5);
    for (int i = 0; i < ROWS_MAX * COLUMNS; i++) cr_expect_float_eq(r->dx[i], s->dx[i], 1e-4);
}

Test(attention, versions_agree)
{
    for (int i = 0; i < SEGMENTS * VALUES; i++) {
        const int w = i % SEGMENTS;
        value = values[i / SEGMENTS];
        Run *r = make(CAUSAL, 1, &w), *s = make(CAUSAL, 1, &w);
        unit_by(attention_unit_forward_plain, attention_unit_backward_plain, r, lengths[w]);
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
            unit_by(attention_unit_forward_avx2, attention_unit_backward_avx2, s, lengths[w]);
            near(r, s);
        }
#endif
        unit_by(attention_unit_forward, attention_unit_backward, s, lengths[w]);
        near(r, s);
        free(r);
        free(s);
    }
}

/* What decoding asks for: the last query alone, over all keys. */
static void expect_last_row(AttentionPass *forward, const Run *r, int length)
{
    real y[WIDEST] = {0}, log_sum, max;
    void *scratch = aligned_alloc(64, (size_t)attention_unit_scratch(length, WIDTH, value, false));
    memset(scratch, 255, (size_t)attention_unit_scratch(length, WIDTH, value, false));
    forward(&(AttentionUnit){.queries = 1,
                             .keys = length,
                             .head_width = WIDTH,
                             .value_width = value,
                             .group = 1,
                             .q = {(real *)r->x + (length - 1) * COLUMNS, COLUMNS},
                             .k = {(real *)r->x + WIDTH, COLUMNS},
                             .v = {(real *)r->x + 2 * WIDTH, COLUMNS},
                             .y = {y, value},
                             .scale = .3,
                             .log_sum = &log_sum,
                             .max_logit = &max,
                             .scratch = scratch});
    for (int c = 0; c < value; c++) cr_expect_float_eq(y[c], r->y[(length - 1) * OUT + c], 1e-5);
    cr_expect(log_sum / 1.4427 >= max - 1e-3 && log_sum / 1.4427 <= max + log(length) + 1e-3);
    free(scratch);
}

Test(attention, one_query_is_as_the_last_row)
{
    for (int i = 0; i < SEGMENTS * VALUES; i++) {
        const int w = i % SEGMENTS;
        value = values[i / SEGMENTS];
        Run *r = make(CAUSAL, 1, &w);
        unit_by(attention_unit_forward, attention_unit_backward, r, lengths[w]);
        expect_last_row(attention_unit_forward_plain, r, lengths[w]);
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
            expect_last_row(attention_unit_forward_avx2, r, lengths[w]);
#endif
        expect_last_row(attention_unit_forward, r, lengths[w]);
        free(r);
    }
}

Test(attention, misfits_are_named)
{
    static const int32_t rows[] = {0, 4}, short_rows[] = {0, 3};
    Attention a = {.heads = 2,
                   .kv_heads = 1,
                   .head_width = 3,
                   .scale = 1,
                   .rows = {1, rows, rows, NULL, NULL, NULL}};
    tape_reset(&tape);
    Tensor *q = tape_tensor(&tape, SHAPE(4, 6)), *k = tape_tensor(&tape, SHAPE(4, 3)),
           *v = tape_tensor(&tape, SHAPE(5, 3));
    cr_expect_null(ag_attention(&tape, q, k, v, &a));
    cr_expect(strstr(error_message(), "[4, 3]") && strstr(error_message(), "[5, 3]"));

    tape_reset(&tape);
    q = tape_tensor(&tape, SHAPE(4, 5)), k = tape_tensor(&tape, SHAPE(4, 3));
    cr_expect_null(ag_attention(&tape, q, k, k, &a));
    cr_expect_eq(tape.status, E_SHAPE);
    cr_expect(strstr(error_message(), "q [4, 5] has no columns 0 to 6"), "%s", error_message());

    tape_reset(&tape);
    q = tape_tensor(&tape, SHAPE(4, 6)), k = tape_tensor(&tape, SHAPE(4, 3));
    v = tape_tensor(&tape, SHAPE(4, 3));
    a.rows.keys = short_rows;
    cr_expect_null(ag_attention(&tape, q, k, v, &a));
    cr_expect_eq(tape.status, E_SHAPE);
    cr_expect(strstr(error_message(), "[4, 6]") && strstr(error_message(), "[4, 3]"));

    tape_reset(&tape);
    q = tape_tensor(&tape, SHAPE(4, 6)), k = tape_tensor(&tape, SHAPE(3, 3));
    v = tape_tensor(&tape, SHAPE(3, 3));
    cr_expect_null(ag_attention(&tape, q, k, v, &a));
    cr_expect_eq(tape.status, E_SHAPE);
    cr_expect(strstr(error_message(), "4 queries and 3 keys: causal attention needs"), "%s",
              error_message());

    tape_reset(&tape);
    q = tape_tensor(&tape, SHAPE(4, 6)), k = tape_tensor(&tape, SHAPE(4, 3));
    a.rows.keys = rows;
    a.value_width = 4;
    cr_expect_null(ag_attention(&tape, q, k, k, &a));
    cr_expect_eq(tape.status, E_SHAPE);
    cr_expect(strstr(error_message(), "v [4, 3] has no columns 0 to 4"), "%s", error_message());
    a.value_width = 0;
    a.rows.keys = short_rows;

    static const int32_t ends[] = {5};
    tape_reset(&tape);
    q = tape_tensor(&tape, SHAPE(4, 6)), k = tape_tensor(&tape, SHAPE(4, 3));
    v = tape_tensor(&tape, SHAPE(4, 3));
    a.rows.key_ends = ends;
    cr_expect_null(ag_attention(&tape, q, k, v, &a));
    cr_expect_eq(tape.status, E_SHAPE);
    cr_expect(strstr(error_message(), "keys 0 to 5 of k [4, 3]"), "%s", error_message());
}

/* Attention of bfloat16 rows: each version that the processor has, against loops in double, within
 * what rounding to 2^-8 of each number that a product takes may add up to; what nobody sees changes
 * no bit. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/kernels/attention_bf16.h"
#include "autograd/kernels/attention_dropout.h"
#include "autograd/kernels/bf16.h"

/* CAUSAL: first and end are NULL; PREFIX also has rows that see nothing; GAPS: neighbours see other
 * keys; CROSS: any number of keys. SLIDING: as CAUSAL, in a window. SINKS:
 * the same, with first keys and a learned sink. CAPPED: SLIDING with a soft cap. */
enum { CAUSAL, PREFIX, WINDOW, GAPS, DROPOUT, CROSS, SLIDING, SINKS, CAPPED, KINDS };

typedef struct Sizes {
    int queries, keys, width, values, group; /* width of a head in q and k, values: in v and y */
} Sizes;

static const Sizes sizes[] = {{5, 5, 3, 3, 1},      {70, 70, 20, 20, 2}, {32, 64, 32, 32, 1},
                              {33, 97, 64, 64, 1},  {1, 40, 16, 16, 3},  {300, 300, 48, 48, 2},
                              {70, 70, 20, 50, 2},  {33, 97, 64, 7, 1},  {1, 40, 16, 33, 3},
                              {300, 300, 24, 64, 2}};
static const Sizes fewer_keys[] = {{5, 3, 3, 3, 1},
                                   {70, 33, 20, 24, 2},
                                   {300, 40, 32, 16, 1},
                                   {40, 1, 16, 16, 2}};
enum { FEWER_KEYS = sizeof fewer_keys / sizeof *fewer_keys };
enum { SIZES = sizeof sizes / sizeof *sizes, VERSIONS = ATTENTION_AMX + 1 };

/* Rows as the op has them: the heads of the group side by side, and columns that are nobody's. */
typedef struct Case {
    int kind;
    Sizes s;
    int64_t step;
    bf16 *q, *k, *v, *y;
    float *dy, *dq, *dk, *dv, *log_sum, *max_logit;
    double *entropy, *slopes;
    int32_t *first, *end;
    AttentionUnit u;
} Case;

static const float learned[] = {1, -2, 3}; /* sinks of a group's heads */

static void *take(int64_t count, size_t size)
{
    void *x = calloc((size_t)count + 1, size);
    cr_assert(x);
    return x;
}

static void fill(bf16 *x, int64_t count, const char *stream)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = bf16_of((float)rng_normal(rng_stream(7, stream), (uint64_t)i, 0));
}

static void interval(int kind, const Sizes *s, int i, int32_t *first, int32_t *end)
{
    const int own = s->keys - s->queries + i;
    if (kind == CROSS) {
        *first = i % 5 == 3 ? s->keys / 2 : 0;
        *end = i % 7 == 2 ? 0 : i < s->keys ? i + 1 : s->keys;
        return;
    }
    *first = kind == WINDOW && own > 40 ? own - 40 : kind == GAPS && i / 32 % 2 ? own / 2 : 0;
    *end = kind == PREFIX && own < 25 && s->keys > 25 ? 25 : own + 1;
    if (kind == GAPS && i / 32 % 4 == 2) *end = own / 4 + 1;
    if (kind == PREFIX && i % 9 == 5) *end = *first = 0;
}

static Case open_case(int kind, Sizes s)
{
    Case c = {.kind = kind,
              .s = s,
              .step = s.group * (s.width > s.values ? s.width : s.values) + 5};
    const int64_t queries = s.queries * c.step, keys = s.keys * c.step, rows = s.queries * s.group;
    c.q = take(queries, sizeof *c.q), c.k = take(keys, sizeof *c.k), c.v = take(keys, sizeof *c.v);
    c.y = take(queries, sizeof *c.y), c.dy = take(queries, sizeof *c.dy);
    c.dq = take(queries, sizeof *c.dq), c.dk = take(keys, sizeof *c.dk);
    c.dv = take(keys, sizeof *c.dv), c.log_sum = take(rows, sizeof *c.log_sum);
    c.max_logit = take(s.group, sizeof *c.max_logit), c.entropy = take(s.group, sizeof(double));
    c.slopes = take(s.group, sizeof(double));
    c.first = take(s.queries, sizeof *c.first), c.end = take(s.queries, sizeof *c.end);
    fill(c.q, queries, "q"), fill(c.k, keys, "k"), fill(c.v, keys, "v");
    for (int64_t i = 0; i < queries; i++)
        c.dy[i] = (float)rng_normal(rng_stream(7, "dy"), (uint64_t)i, 0);
    for (int i = 0; i < s.queries; i++) interval(kind, &s, i, c.first + i, c.end + i);
    for (int h = 0; h < s.group; h++) c.slopes[h] = .1 / (h + 1);
    c.u = (AttentionUnit){.queries = s.queries,
                          .keys = s.keys,
                          .head_width = s.width,
                          .value_width = s.values,
                          .group = s.group,
                          .q_bf16 = {c.q, c.step},
                          .k_bf16 = {c.k, c.step},
                          .v_bf16 = {c.v, c.step},
                          .y_bf16 = {c.y, c.step},
                          .dy = {c.dy, c.step},
                          .dq = {c.dq, c.step},
                          .dk = {c.dk, c.step},
                          .dv = {c.dv, c.step},
                          .first = kind == CAUSAL || kind >= SLIDING ? NULL : c.first,
                          .end = kind == CAUSAL || kind >= SLIDING ? NULL : c.end,
                          .window = kind >= SLIDING ? 41 : 0,
                          .sinks = kind == SINKS ? 5 : 0,
                          .softcap = kind == CAPPED ? 2 : 0,
                          .sink = kind == SINKS ? learned : NULL,
                          .scale = .3,
                          .slopes = kind == WINDOW || kind == CROSS ? c.slopes : NULL,
                          .log_sum = c.log_sum,
                          .log_sum_step = s.queries,
                          .max_logit = c.max_logit,
                          .entropy = c.entropy,
                          .rng = rng_stream(3, "drop"),
                          .drop_row_step = 4,
                          .drop_below = kind == DROPOUT ? (uint32_t)(.25 * 0x1p32) : 0,
                          .drop_scale = 1 / .75};
    return c;
}

static void close_case(Case *c)
{
    void *const all[] = {c->q,  c->k,     c->v,   c->y,       c->dy,        c->dq,      c->dk,
                         c->dv, c->first, c->end, c->log_sum, c->max_logit, c->entropy, c->slopes};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void run(Case *c, AttentionBf16 version, bool add)
{
    const int64_t before = attention_bf16_scratch(version, &c->u, false),
                  back = attention_bf16_scratch(version, &c->u, true),
                  most = before > back ? before : back;
    const int64_t queries = c->s.queries * c->step, keys = c->s.keys * c->step;
    c->u.scratch = aligned_alloc(64, (size_t)most);
    memset(c->u.scratch, 255, (size_t)most);
    attention_bf16_forward(version, &c->u);
    c->u.add_q = c->u.add_k = c->u.add_v = add;
    memset(c->dq, add ? 0 : 255, (size_t)queries * sizeof *c->dq);
    memset(c->dk, add ? 0 : 255, (size_t)keys * sizeof *c->dk);
    memset(c->dv, add ? 0 : 255, (size_t)keys * sizeof *c->dv);
    memset(c->u.scratch, 255, (size_t)most);
    attention_bf16_backward(version, &c->u);
    free(c->u.scratch);
}

/* What loops find, and how far rounding may be from it. */
typedef struct Loops {
    double *y, *dq, *dk, *dv, *y_off, *dq_off, *dk_off, *dv_off;
    double max_logit, entropy;
} Loops;

static const double ROUND = 0x1p-8, FLOATS = 1e-5; /* sums in float, and the exponential */

/* One row: its weights and dropout's factors; returns the number of keys it sees from *first on. */
static int weights(const Case *c, int head, int i, double *p, real *factor, int *first, Loops *l)
{
    const Interval own = seen(&c->u, i), x = {c->u.sinks ? 0 : own.first, own.end};
    const bf16 *q = c->q + i * c->step + head * c->s.width;
    double max = -INFINITY, sum = 0, spread = 0;
    for (int64_t j = x.first; j < x.end; j++) {
        double s = 0;
        p[j] = -1e300;
        if (j < own.first && j >= c->u.sinks) continue;
        for (int d = 0; d < c->s.width; d++)
            s += c->u.scale * bf16_real(q[d]) * bf16_real(c->k[j * c->step + d]);
        if (c->u.softcap > 0) s = c->u.softcap * tanh(s / c->u.softcap);
        if (c->u.slopes) s -= c->slopes[head] * llabs(c->s.keys - c->s.queries + i - j);
        p[j] = s;
        max = fmax(max, s);
    }
    for (int64_t j = x.first; j < x.end; j++) sum += exp(p[j] - max);
    double all = sum;
    if (x.first < x.end && c->u.sink) all += exp(c->u.sink[head] - max);
    for (int64_t j = x.first; j < x.end; j++) {
        spread += exp(p[j] - max) * (p[j] - max);
        p[j] = exp(p[j] - max) / all;
    }
    if (x.first < x.end) l->entropy += log(sum) - spread / sum;
    l->max_logit = fmax(l->max_logit, max);
    for (int64_t j = 0; j < c->s.keys; j += 64)
        if (c->u.drop_below) drop_factors(&c->u, head, i, j, (Interval){0, 64}, factor + j);
    *first = (int)x.first;
    return (int)x.end;
}

/* The derivative of the soft cap at a score. */
static double steepness_of(const Case *c, int head, int i, int j)
{
    const bf16 *q = c->q + i * c->step + head * c->s.width, *k = c->k + j * c->step;
    double s = 0;
    for (int d = 0; d < c->s.width; d++) s += c->u.scale * bf16_real(q[d]) * bf16_real(k[d]);
    return c->u.softcap > 0 ? 1 - pow(tanh(s / c->u.softcap), 2) : 1;
}

static void row_by_loops(const Case *c, int head, int i, Loops *l)
{
    enum { MOST = 320, WIDEST = 64 };
    double p[MOST], delta = 0, delta_off = 0;
    real factor[MOST];
    int first;
    for (int j = 0; j < MOST; j++) factor[j] = 1;
    const int end = weights(c, head, i, p, factor, &first, l);
    const int width = c->s.width, values = c->s.values;
    const int64_t at = i * c->step + head * width, y_at = i * c->step + head * values;
    const float *dy = c->dy + y_at;
    for (int d = 0; d < values; d++) {
        double y = 0, size = 0;
        for (int j = first; j < end; j++) {
            const double x = p[j] * factor[j] * bf16_real(c->v[j * c->step + d]);
            y += x;
            size += fabs(x);
        }
        l->y[y_at + d] = y;
        l->y_off[y_at + d] = (ROUND + FLOATS) * size + ROUND * fabs(y);
        delta += y * dy[d];
        delta_off += l->y_off[y_at + d] * fabs(dy[d]);
    }
    for (int j = first; j < end; j++) {
        const bf16 *v = c->v + j * c->step, *k = c->k + j * c->step, *q = c->q + at;
        double dp = 0, dp_off = 0;
        for (int d = 0; d < values; d++) {
            dp += factor[j] * dy[d] * bf16_real(v[d]);
            dp_off += (ROUND + FLOATS) * fabs(factor[j] * dy[d] * bf16_real(v[d]));
            l->dv[j * c->step + d] += p[j] * factor[j] * dy[d];
            l->dv_off[j * c->step + d] += (2.1 * ROUND) * p[j] * factor[j] * fabs(dy[d]);
        }
        const double steepness = steepness_of(c, head, i, j), ds = p[j] * (dp - delta) * steepness,
                     off = 1.01 * p[j] * (dp_off + delta_off) + (ROUND + FLOATS) * fabs(ds);
        for (int d = 0; d < width; d++) {
            l->dq[at + d] += c->u.scale * ds * bf16_real(k[d]);
            l->dq_off[at + d] += c->u.scale * off * fabs(bf16_real(k[d]));
            l->dk[j * c->step + d] += c->u.scale * ds * bf16_real(q[d]);
            l->dk_off[j * c->step + d] += c->u.scale * off * fabs(bf16_real(q[d]));
        }
    }
}

/* The largest distance of x from what it should be, as a part of what is allowed; and it is not
 * nothing. */
static double part(const Case *c, const float *x, const bf16 *low, const double *want,
                   const double *off, int rows, int columns)
{
    double most = 0;
    for (int i = 0; i < rows; i++)
        for (int d = 0; d < columns; d++) {
            const int64_t at = i * c->step + d;
            const double away = fabs((low ? bf16_real(low[at]) : x[at]) - want[at]);
            if (!(away <= off[at] + 1e-6)) return INFINITY;
            most = fmax(most, away / (off[at] + 1e-6));
        }
    return most;
}

static void expect_near(Case *c, const char *what)
{
    const int64_t queries = c->s.queries * c->step, keys = c->s.keys * c->step;
    const int columns = c->s.group * c->s.width, y_columns = c->s.group * c->s.values;
    Loops l = {.max_logit = -INFINITY};
    double **const all[] = {&l.y, &l.dq, &l.dk, &l.dv, &l.y_off, &l.dq_off, &l.dk_off, &l.dv_off};
    for (int i = 0; i < 8; i++) *all[i] = take(queries > keys ? queries : keys, sizeof(double));
    for (int h = 0; h < c->s.group; h++) {
        l.max_logit = -INFINITY, l.entropy = 0;
        for (int i = 0; i < c->s.queries; i++) row_by_loops(c, h, i, &l);
        cr_expect_float_eq(c->max_logit[h], l.max_logit, 1e-4, "%s: logit %g, not %g", what,
                           c->max_logit[h], l.max_logit);
        cr_expect_float_eq(c->entropy[h], l.entropy, 1e-4 * l.entropy + 1e-5, "%s: entropy", what);
    }
    cr_expect_leq(part(c, NULL, c->y, l.y, l.y_off, c->s.queries, y_columns), 1, "%s: y", what);
    cr_expect_leq(part(c, c->dq, NULL, l.dq, l.dq_off, c->s.queries, columns), 1, "%s: dq", what);
    cr_expect_leq(part(c, c->dk, NULL, l.dk, l.dk_off, c->s.keys, c->s.width), 1, "%s: dk", what);
    cr_expect_leq(part(c, c->dv, NULL, l.dv, l.dv_off, c->s.keys, c->s.values), 1, "%s: dv", what);
    for (int i = 0; i < 8; i++) free(*all[i]);
}

static void expect_case(AttentionBf16 version, int kind, Sizes s, bool add)
{
    char what[96];
    Case c = open_case(kind, s);
    snprintf(what, sizeof what, "version %d, kind %d, %d x %d", (int)version, kind, s.queries,
             s.keys);
    run(&c, version, add);
    expect_near(&c, what);
    close_case(&c);
}

ParameterizedTestParameters(attention_bf16, is_near_loops)
{
    static int versions[] = {ATTENTION_FLOAT, ATTENTION_AVX512_BF16, ATTENTION_AMX};
    return cr_make_param_array(int, versions, VERSIONS);
}

ParameterizedTest(int *version, attention_bf16, is_near_loops)
{
    if (*version > (int)attention_bf16_most()) cr_skip_test("not on this processor");
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < SIZES; i++) expect_case((AttentionBf16)*version, kind, sizes[i], i % 2);
    for (int i = 0; i < FEWER_KEYS; i++)
        expect_case((AttentionBf16)*version, CROSS, fewer_keys[i], i % 2);
}

/* Rows that see nothing hold NaN in the second case, and so do, but for the float kernel, keys that
 * nobody sees. */
static void set_unseen(Case *c, bool keys_too, bool nan)
{
    for (int i = 0; i < c->s.queries; i++) {
        if (c->end[i] > 60) c->first[i] = c->end[i] = 0;
        for (int64_t d = i * c->step; nan && !c->end[i] && d < (i + 1) * c->step; d++)
            c->q[d] = bf16_of(NAN), c->dy[d] = NAN;
    }
    for (int64_t d = 60 * c->step; nan && keys_too && d < c->s.keys * c->step; d++)
        c->k[d] = c->v[d] = bf16_of(NAN);
}

static bool all_zero(const float *x, int64_t count)
{
    while (count > 0 && x[count - 1] == 0) count--;
    return count == 0;
}

static void unseen_changes_no_bit(AttentionBf16 version, Sizes s)
{
    Case c[2] = {open_case(PREFIX, s), open_case(PREFIX, s)};
    for (int n = 0; n < 2; n++) {
        set_unseen(c + n, version != ATTENTION_FLOAT, n);
        run(c + n, version, false);
    }
    const int64_t step = c[0].step, columns = s.group * s.width, y_columns = s.group * s.values;
    cr_expect(!memcmp(c[0].y, c[1].y, (size_t)(s.queries * step) * sizeof *c[0].y));
    cr_expect(!memcmp(c[0].dq, c[1].dq, (size_t)(s.queries * step) * sizeof *c[0].dq));
    cr_expect(!memcmp(c[0].dk, c[1].dk, (size_t)(s.keys * step) * sizeof *c[0].dk));
    cr_expect(!memcmp(c[0].dv, c[1].dv, (size_t)(s.keys * step) * sizeof *c[0].dv));
    for (int i = 0; i < s.queries; i++) {
        if (c[1].end[i]) continue;
        cr_expect(all_zero(c[1].dq + i * step, columns), "row %d", i);
        for (int d = 0; d < y_columns; d++) cr_expect_eq(c[1].y[i * step + d], 0, "row %d", i);
    }
    for (int i = 60; i < s.keys; i++) {
        cr_expect(all_zero(c[1].dk + i * step, s.width), "key %d", i);
        cr_expect(all_zero(c[1].dv + i * step, s.values), "key %d", i);
    }
    close_case(c);
    close_case(c + 1);
}

ParameterizedTestParameters(attention_bf16, what_nobody_sees_changes_no_bit)
{
    static int versions[] = {ATTENTION_FLOAT, ATTENTION_AVX512_BF16, ATTENTION_AMX};
    return cr_make_param_array(int, versions, VERSIONS);
}

ParameterizedTest(int *version, attention_bf16, what_nobody_sees_changes_no_bit)
{
    if (*version > (int)attention_bf16_most()) cr_skip_test("not on this processor");
    unseen_changes_no_bit((AttentionBf16)*version, sizes[1]);
    unseen_changes_no_bit((AttentionBf16)*version, sizes[6]);
}

/* attention: y = p v, p = softmax(s), s = scale q k^T - slope |i - j|, for each head, over the keys
 * that the row sees (Vaswani et al. 2017, section 3.2; slopes: Press et al. 2022, section 3). With
 * g = dL/dy:
 *
 *     dv = p^T g,           ds = p (g v^T - sum over columns of g y),
 *     dq = scale ds k,      dk = scale ds^T q
 *
 * A soft cap c replaces the scaled product t by c tanh(t / c) (Gemma Team 2024, arXiv:2408.00118,
 * section 2): dt = ds (1 - tanh(t / c)^2).
 *
 * A learned sink of score z takes part in the softmax's sum alone: dz = -sum over rows of p_z (g y).
 *
 * Dropout multiplies p, and g v^T likewise, by 0 or 1 / (1 - rate). Threads take units of one
 * segment and one key head, so each part of the gradients of k and v has one writer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/attention_bf16.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { Q, K, V, SINK, BLOCKS_A_THREAD = 8 };

/* The columns of an input that attention reads. */
typedef struct Columns {
    int64_t begin, end;
} Columns;

/* The head width of input i; for V also of the result. */
static int64_t width_of(const Attention *a, int i)
{
    return i == V && a->value_width ? a->value_width : a->head_width;
}

static Columns columns_of(const Attention *a, int i)
{
    const int64_t begin = i == Q ? a->q_column : i == K ? a->k_column : a->v_column;
    return (Columns){begin, begin + (i == Q ? a->heads : a->kv_heads) * width_of(a, i)};
}

static Status check_columns(const Node *n)
{
    static const char name[] = "qkv";
    const Attention *a = n->attr;
    for (int i = Q; i <= V; i++) {
        const Shape x = n->in[i]->shape;
        const Columns c = columns_of(a, i);
        if (x.rank != 2 || c.begin < 0 || c.end > x.dim[1])
            return FAIL(E_SHAPE, "attention: %c %s has no columns %lld to %lld: %lld heads of %lld",
                        name[i], shape_text(x), (long long)c.begin, (long long)c.end,
                        (long long)(i == Q ? a->heads : a->kv_heads), (long long)width_of(a, i));
        for (int j = Q; j < i; j++) {
            const Columns d = columns_of(a, j);
            if (n->in[i] == n->in[j] && c.begin < d.end && d.begin < c.end)
                return FAIL(E_SHAPE, "attention: %c and %c of one tensor %s overlap", name[j],
                            name[i], shape_text(x));
        }
    }
    if (n->in[K]->shape.dim[0] != n->in[V]->shape.dim[0])
        return FAIL(E_SHAPE, "attention: k %s, v %s: not as many rows", shape_text(n->in[K]->shape),
                    shape_text(n->in[V]->shape));
    return OK;
}

static int64_t keys_of(const AttentionRows *r, int64_t segment)
{
    return (r->key_ends ? r->key_ends[segment] : r->keys[segment + 1]) - r->keys[segment];
}

static Status check_segment(const Node *n, int64_t s)
{
    const Attention *a = n->attr;
    const AttentionRows *r = &a->rows;
    const Shape k = n->in[K]->shape;
    const int64_t queries = r->queries[s + 1] - r->queries[s], keys = keys_of(r, s);
    if (r->key_ends && (r->keys[s] < 0 || r->key_ends[s] > k.dim[0]))
        return FAIL(E_SHAPE, "attention: segment %lld has keys %d to %d of k %s", (long long)s,
                    (int)r->keys[s], (int)r->key_ends[s], shape_text(k));
    if (a->ring && (queries != 1 || a->turn >= a->ring || a->ring > keys || a->dropout.rate > 0 ||
                    !r->key_ends))
        return FAIL(E_ARG, "attention: segment %lld: a ring is for one query and a KV cache",
                    (long long)s);
    if (queries < 0 || keys < 0)
        return FAIL(E_SHAPE, "attention: segment %lld has %lld queries and %lld keys", (long long)s,
                    (long long)queries, (long long)keys);
    if (!r->first && keys < queries)
        return FAIL(
            E_SHAPE,
            "attention: segment %lld has %lld queries and %lld keys: causal attention needs "
            "a key for each query; other attention needs first and end",
            (long long)s, (long long)queries, (long long)keys);
    for (int64_t i = r->queries[s]; r->first && i < r->queries[s + 1]; i++)
        if (r->first[i] < 0 || r->end[i] > keys)
            return FAIL(E_SHAPE, "attention: row %lld sees keys %d to %d of %lld", (long long)i,
                        (int)r->first[i], (int)r->end[i], (long long)keys);
    return OK;
}

static Status check_rows(const Node *n)
{
    const AttentionRows *r = &((const Attention *)n->attr)->rows;
    const Shape q = n->in[Q]->shape, k = n->in[K]->shape;
    if (r->segments < 1 || r->queries[0] != 0 || r->queries[r->segments] != q.dim[0] ||
        (!r->key_ends && (r->keys[0] != 0 || r->keys[r->segments] != k.dim[0])))
        return FAIL(E_SHAPE, "attention: the segments do not cover the rows of q %s and k %s",
                    shape_text(q), shape_text(k));
    if (r->key_ends && n->record)
        return FAIL(E_ARG, "attention: key_ends is set, so no gradient can be computed");
    if (!r->first != !r->end)
        return FAIL(E_ARG, "attention: first and end must both be given, or neither");
    for (int64_t s = 0; s < r->segments; s++) TRY(check_segment(n, s));
    return OK;
}

/* A unit with the largest number of queries and of keys, for choosing a version and the size of
 * scratch. Only which of its matrices are bfloat16 counts, not their data. */
static AttentionUnit largest(const Node *n)
{
    static bf16 some;
    const Attention *a = n->attr;
    AttentionUnit u = {.head_width = a->head_width,
                       .value_width = width_of(a, V),
                       .group = a->heads / a->kv_heads,
                       .scale = a->scale};
    for (int64_t s = 0; s < a->rows.segments; s++) {
        const int64_t queries = a->rows.queries[s + 1] - a->rows.queries[s],
                      keys = keys_of(&a->rows, s);
        if (queries > u.queries) u.queries = queries;
        if (keys > u.keys) u.keys = keys;
    }
    if (!n->in[Q]->data) u.q_bf16.data = &some;
    if (!n->in[K]->data) u.k_bf16.data = &some;
    if (!n->in[V]->data) u.v_bf16.data = &some;
    if (n->bf16_result) u.y_bf16.data = &some;
    return u;
}

static int64_t scratch_of(const Node *n, const AttentionUnit *u)
{
    return attention_bf16_scratch(attention_bf16_choose(u), u, n->record);
}

static Status shape(Node *n)
{
    const Attention *a = n->attr;
    if (a->kv_heads < 1 || a->heads < 1 || a->heads % a->kv_heads)
        return FAIL(E_SHAPE, "attention: %lld key heads do not divide %lld heads",
                    (long long)a->kv_heads, (long long)a->heads);
    if (a->head_width < 1 || a->value_width < 0)
        return FAIL(E_SHAPE, "attention: head width %lld, value width %lld",
                    (long long)a->head_width, (long long)a->value_width);
    if (!(a->dropout.rate >= 0 && a->dropout.rate < 1))
        return FAIL(E_ARG, "attention: dropout %g: not in [0, 1)", a->dropout.rate);
    if (!(a->softcap >= 0)) return FAIL(E_ARG, "attention: a soft cap of %g", a->softcap);
    if (a->sinks < 0) return FAIL(E_ARG, "attention: %lld sinks", (long long)a->sinks);
    for (int64_t h = 0; a->windows && h < a->kv_heads; h++)
        if (a->windows[h] < 0 || (a->windows[h] && a->windows[h] < a->sinks))
            return FAIL(E_ARG, "attention: a window of %lld keys, %lld sinks",
                        (long long)a->windows[h], (long long)a->sinks);
    if (n->in[SINK] && !shape_equal(n->in[SINK]->shape, SHAPE(a->heads)))
        return FAIL(E_SHAPE, "attention: a learned sink %s of %lld heads",
                    shape_text(n->in[SINK]->shape), (long long)a->heads);
    TRY(check_columns(n));
    TRY(check_rows(n));
    const int64_t rows = n->in[Q]->shape.dim[0];
    const AttentionUnit u = largest(n);
    n->out->shape = SHAPE(rows, a->heads * width_of(a, V));
    n->keep_size = a->heads * rows * (int64_t)sizeof(real); /* log of the sum of exponentials */
    n->scratch_size = threads_team() * scratch_of(n, &u) +
                      a->rows.segments * a->heads * (int64_t)(sizeof(double) + sizeof(real));
    return OK;
}

/* One pass of a node: scratch of each worker, statistics of each segment. */
typedef struct Pass {
    const Node *n;
    bool backward;
    AttentionBf16 version;
    int64_t scratch_size; /* of a worker */
    char *scratch;        /* [workers, scratch_size] */
    real *max_logit;      /* [segments, heads]; NULL: not wanted */
    double *entropy;      /* likewise */
} Pass;

static Pass pass_begin(const Node *n, bool is_backward)
{
    const Attention *a = n->attr;
    const int64_t measures = a->rows.segments * a->heads,
                  size = measures * (int64_t)(sizeof(double) + sizeof(real));
    const AttentionUnit u = largest(n);
    Pass p = {.n = n,
              .backward = is_backward,
              .version = attention_bf16_choose(&u),
              .scratch_size = scratch_of(n, &u),
              .scratch = n->scratch};
    double *entropy = (double *)(p.scratch + n->scratch_size - size);
    INVARIANT(threads_team() * p.scratch_size + size <= n->scratch_size);
    if (a->stats.entropy) p.entropy = entropy;
    if (a->stats.max_logit) p.max_logit = (real *)(entropy + measures);
    return p;
}

/* The part of a tensor, or of its gradient at data, that begins at this row and column. */
static AttentionMatrix matrix(const Tensor *x, real *data, int64_t row, int64_t column)
{
    const int64_t step = x->shape.dim[1];
    return (AttentionMatrix){data ? data + row * step + column : NULL, step};
}

static AttentionMatrixBf16 matrix_bf16(const Tensor *x, int64_t row, int64_t column)
{
    const int64_t step = x->shape.dim[1];
    return (AttentionMatrixBf16){x->data ? NULL : x->bf16 + row * step + column, step};
}

/* Unit i of segments x key heads. */
static AttentionUnit unit(const Pass *p, int64_t i, int worker)
{
    const Node *n = p->n;
    const Attention *a = n->attr;
    const AttentionRows *r = &a->rows;
    const int64_t s = i / a->kv_heads, kv = i % a->kv_heads, group = a->heads / a->kv_heads;
    const int64_t head = kv * group, query = r->queries[s], key = r->keys[s];
    const int64_t width = a->head_width, value = width_of(a, V), rows = n->in[Q]->shape.dim[0];
    const int64_t q_column = a->q_column + head * width, k_column = a->k_column + kv * width,
                  v_column = a->v_column + kv * value;

    AttentionUnit u = {
        .queries = r->queries[s + 1] - query,
        .keys = keys_of(r, s),
        .head_width = width,
        .value_width = value,
        .group = group,
        .q = matrix(n->in[Q], n->in[Q]->data, query, q_column),
        .k = matrix(n->in[K], n->in[K]->data, key, k_column),
        .v = matrix(n->in[V], n->in[V]->data, key, v_column),
        .y = matrix(n->out, n->out->data, query, head * value),
        .q_bf16 = matrix_bf16(n->in[Q], query, q_column),
        .k_bf16 = matrix_bf16(n->in[K], key, k_column),
        .v_bf16 = matrix_bf16(n->in[V], key, v_column),
        .y_bf16 = matrix_bf16(n->out, query, head * value),
        .first = r->first ? r->first + query : NULL,
        .end = r->end ? r->end + query : NULL,
        .window = a->windows ? a->windows[kv] : 0,
        .sinks = a->windows && a->windows[kv] ? a->sinks : 0,
        .sink = n->in[SINK] ? n->in[SINK]->data + head : NULL,
        .ring = a->ring,
        .turn = a->turn,
        .scale = a->scale,
        .softcap = a->softcap,
        .slopes = a->slopes ? a->slopes + head : NULL,
        .log_sum = n->record ? (real *)n->keep + head * rows + query : NULL,
        .log_sum_step = rows,
        .max_logit = p->max_logit ? p->max_logit + s * a->heads + head : NULL,
        .entropy = p->entropy ? p->entropy + s * a->heads + head : NULL,
        .scratch = p->scratch + worker * p->scratch_size,
    };
    if (a->dropout.rate > 0) {
        u.rng = a->dropout.rng;
        u.step = a->dropout.step;
        u.drop_row = (uint64_t)((a->dropout.first_row + query) * a->heads + head);
        u.drop_row_step = (uint64_t)a->heads;
        u.drop_below = (uint32_t)(a->dropout.rate * 0x1p32);
        u.drop_scale = 1 / (1 - a->dropout.rate);
    }
    return u;
}

/* The same, with the gradients. */
static AttentionUnit unit_backward(const Pass *p, int64_t i, int worker)
{
    AttentionUnit u = unit(p, i, worker);
    const Node *n = p->n;
    const Attention *a = n->attr;
    const int64_t s = i / a->kv_heads, kv = i % a->kv_heads;
    const int64_t query = a->rows.queries[s], key = a->rows.keys[s];
    const int64_t head = kv * u.group;
    u.dy = matrix(n->out, (real *)n->dout, query, head * u.value_width);
    u.dq = matrix(n->in[Q], n->din[Q], query, a->q_column + head * u.head_width);
    u.dk = matrix(n->in[K], n->din[K], key, a->k_column + kv * u.head_width);
    u.dv = matrix(n->in[V], n->din[V], key, a->v_column + kv * u.value_width);
    /* A tensor that is also another input: these are other columns, which hold no sum yet. */
    u.add_q = n->add[Q];
    u.add_k = n->add[n->in[K] == n->in[Q] ? Q : K];
    u.add_v = n->add[n->in[V] == n->in[Q] ? Q : n->in[V] == n->in[K] ? K : V];
    return u;
}

static void units(const void *context, int64_t begin, int64_t end, int worker)
{
    const Pass *p = context;
    AttentionUnit u[2];
    for (int64_t i = begin; i <= end; i++) {
        AttentionUnit *next = u + i % 2, *now = u + (i + 1) % 2;
        if (i < end) *next = p->backward ? unit_backward(p, i, worker) : unit(p, i, worker);
        if (i == begin) continue;
        now->next = i < end ? next : NULL;
        if (p->backward)
            attention_bf16_backward(p->version, now);
        else
            attention_bf16_forward(p->version, now);
    }
}

/* The pairs of query and key in rows [0, rows) of causal attention with `before` keys before the
 * first row. */
static double causal_pairs(double rows, double before, double window)
{
    const double growing = window <= 0 || window >= before + rows ? rows
                           : window > before                      ? window - before
                                                                  : 0;
    return growing * (before + (growing + 1) / 2) + (rows - growing) * window;
}

/* The same in one segment, for one key head. */
static double pairs_of(const AttentionRows *r, int64_t s, int64_t window, int64_t sinks)
{
    const int64_t begin = r->queries[s], rows = r->queries[s + 1] - begin,
                  before = keys_of(r, s) - rows;
    if (!r->first && !sinks) return causal_pairs((double)rows, (double)before, (double)window);
    double pairs = 0;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t own = before + i;
        int64_t first = r->first ? r->first[begin + i] : 0,
                end = r->first ? r->end[begin + i] : own + 1;
        if (window && first <= own - window) first = own - window + 1;
        if (window && end > own + window) end = own + window;
        if (end > first) pairs += (double)(end - first + (sinks < first ? sinks : first));
    }
    return pairs;
}

static int64_t rows_that_see(const AttentionRows *r)
{
    const int64_t rows = r->queries[r->segments];
    int64_t count = 0;
    for (int64_t i = 0; i < rows; i++) count += !r->first || r->first[i] < r->end[i];
    return count;
}

/* Threads take blocks of consecutive units, because a unit prefetches the rows of the next; blocks
 * are small enough that no thread waits long for another. They change no bits: each unit writes its
 * own rows. */
static void work(const Pass *p)
{
    const Attention *a = p->n->attr;
    const int64_t count = a->rows.segments * a->kv_heads,
                  block = count / (threads_team() * BLOCKS_A_THREAD);
    threads_range(count, block > 0 ? block : 1, units, p);
}

static void forward(const Node *n)
{
    const Attention *a = n->attr;
    const Pass p = pass_begin(n, false);
    work(&p);

    for (int64_t h = 0; p.max_logit && h < a->heads; h++) {
        real max = -(real)INFINITY;
        for (int64_t s = 0; s < a->rows.segments; s++)
            if (p.max_logit[s * a->heads + h] > max) max = p.max_logit[s * a->heads + h];
        a->stats.max_logit[h] = max;
    }
    if (p.entropy) *a->stats.rows = rows_that_see(&a->rows);
    for (int64_t h = 0; p.entropy && h < a->heads; h++) {
        a->stats.entropy[h] = 0;
        for (int64_t s = 0; s < a->rows.segments; s++)
            a->stats.entropy[h] += p.entropy[s * a->heads + h];
    }
}

/* Zeroes the columns of input i's gradient that belong to none of q, k, v. */
static void clear_rest(const Node *n, int i)
{
    const int64_t rows = n->in[i]->shape.dim[0], width = n->in[i]->shape.dim[1];
    for (int64_t at = 0; at < width;) {
        int64_t gap = width, next = width;
        for (int j = Q; j <= V; j++) {
            const Columns c = columns_of(n->attr, j);
            if (n->in[j] != n->in[i] || c.end <= at || c.begin >= gap) continue;
            gap = c.begin > at ? c.begin : at;
            next = c.end;
        }
        for (int64_t r = 0; gap > at && r < rows; r++)
            memset(n->din[i] + r * width + at, 0, (size_t)(gap - at) * sizeof(real));
        at = next;
    }
}

/* The product of a row of dL/dy and of y. */
static double dy_y(const Node *n, int64_t at, int64_t width)
{
    double sum = 0;
    for (int64_t i = at; i < at + width; i++)
        sum += (double)n->dout[i] *
               (double)(n->out->data ? n->out->data[i] : (real)bf16_real(n->out->bf16[i]));
    return sum;
}

/* The gradients of the learned sinks of heads [begin, end). */
static void sink_backward(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Attention *a = n->attr;
    const int64_t rows = n->in[Q]->shape.dim[0], width = width_of(a, V);
    (void)worker;
    for (int64_t h = begin; h < end; h++) {
        const real *log_sum = (const real *)n->keep + h * rows;
        const double score = (double)n->in[SINK]->data[h] / log(2);
        double sum = 0;
        for (int64_t i = 0; i < rows; i++)
            sum -= exp2(score - (double)log_sum[i]) * dy_y(n, (i * a->heads + h) * width, width);
        grad_store(n->din[SINK] + h, &(real){(real)sum}, 1, n->add[SINK]);
    }
}

static void backward(const Node *n)
{
    const Pass p = pass_begin(n, true);
    for (int i = Q; i <= V; i++)
        if (n->din[i] && !n->add[i]) clear_rest(n, i);
    work(&p);
    if (n->din[SINK]) threads_range(((const Attention *)n->attr)->heads, 1, sink_backward, n);
}

/* FLOPs: two products for each pair of query and key in forward, four in backward. */
static void count_work(const Node *n, bool in_backward, OpWork *w)
{
    const Attention *a = n->attr;
    const int64_t group = a->heads / a->kv_heads;
    double pairs = 0; /* of all heads */
    for (int64_t s = 0; s < a->rows.segments; s++)
        for (int64_t h = 0; h < a->kv_heads; h++)
            pairs += (double)group * pairs_of(&a->rows, s, a->windows ? a->windows[h] : 0,
                                              a->windows && a->windows[h] ? a->sinks : 0);
    w->operations = (in_backward ? 4 : 2) * pairs * (double)(a->head_width + width_of(a, V));
}

#define INTS(...) ((const int32_t[]){__VA_ARGS__})
#define ONE(queries_, keys_) \
    .rows = {.segments = 1, .queries = INTS(0, queries_), .keys = INTS(0, keys_)}
#define THREE       .rows = {.segments = 3, .queries = INTS(0, 2, 5, 6), .keys = INTS(0, 2, 5, 6)}
#define FOUR_AND_70 .rows = {.segments = 2, .queries = INTS(0, 4, 74), .keys = INTS(0, 4, 74)}
#define SHAPES(queries, keys, heads, kv_heads, width) \
    WIDTHS(queries, keys, heads, kv_heads, width, width)
#define WIDTHS(queries, keys, heads, kv_heads, width, value)              \
    {                                                                     \
        SHAPE_OF(queries, heads *width), SHAPE_OF(keys, kv_heads *width), \
            SHAPE_OF(keys, kv_heads *value)                               \
    }
#define SHAPES_SINK(rows, heads, kv_heads, width) SINK_WIDTHS(rows, rows, heads, kv_heads, width)
#define SINK_WIDTHS(queries, keys, heads, kv_heads, width)                \
    {                                                                     \
        SHAPE_OF(queries, heads *width), SHAPE_OF(keys, kv_heads *width), \
            SHAPE_OF(keys, kv_heads *width), SHAPE_OF(heads)              \
    }
#define HEADS(heads_, kv_heads_, width_) \
    .heads = heads_, .kv_heads = kv_heads_, .head_width = width_, .scale = .5
#define WINDOWS(...) ((const int64_t[]){__VA_ARGS__})
#define SLOPES       \
    (const double[]) \
    {                \
        .5, .25      \
    }

/* Intervals in 6 rows: a prefix of 3; rows that see no key; the latest 3 keys. */
static const OpCase cases[] = {
    {"causal", SHAPES(5, 5, 1, 1, 3), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(1, 1, 3), ONE(5, 5)}},
    {"heads", SHAPES(5, 5, 2, 2, 3), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 3), ONE(5, 5)}},
    {"grouped", SHAPES(5, 5, 4, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(4, 2, 2), ONE(5, 5)}},
    {"one key head", SHAPES(5, 5, 3, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(3, 1, 2), ONE(5, 5)}},
    {"slopes", SHAPES(5, 5, 2, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), ONE(5, 5), .slopes = SLOPES}},
    {"fewer queries than keys", SHAPES(2, 7, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), ONE(2, 7), .slopes = SLOPES}},
    {"one query", SHAPES(1, 37, 2, 1, 3), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 3), ONE(1, 37), .slopes = SLOPES}},
    {"segments", SHAPES(6, 6, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), THREE}},
    {"other columns",
     {SHAPE_OF(5, 7), SHAPE_OF(5, 4), SHAPE_OF(5, 3)},
     .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), ONE(5, 5), .q_column = 2, .k_column = 1}},
    {"wider than a vector", SHAPES(3, 3, 1, 1, 21), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(1, 1, 21), ONE(3, 3)}},
    {"prefix", SHAPES(6, 6, 1, 1, 2), .absent = 1 << SINK,
     .attr =
         &(Attention){HEADS(1, 1, 2), .rows = {1, INTS(0, 6), INTS(0, 6), INTS(0, 0, 0, 0, 0, 0),
                                               INTS(3, 3, 3, 4, 5, 6), NULL}}},
    {"empty rows", SHAPES(6, 6, 2, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2),
                          .rows = {2, INTS(0, 3, 6), INTS(0, 3, 6), INTS(0, 0, 0, 0, 1, 2),
                                   INTS(1, 0, 3, 0, 1, 2), NULL}}},
    {"window, slopes", SHAPES(6, 6, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), .slopes = SLOPES,
                          .rows = {1, INTS(0, 6), INTS(0, 6), INTS(0, 0, 0, 1, 2, 3),
                                   INTS(1, 2, 3, 4, 5, 6), NULL}}},
    {"sliding window", SHAPES(6, 6, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), THREE, .windows = WINDOWS(2, 0)}},
    {"sliding window, prefix, slopes, dropout", SHAPES(6, 6, 2, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), .windows = WINDOWS(2), .slopes = SLOPES,
                          .dropout = {.rate = .3},
                          .rows = {1, INTS(0, 6), INTS(0, 6), INTS(0, 0, 0, 0, 0, 0),
                                   INTS(4, 4, 4, 4, 5, 6), NULL}}},
    {"sliding window, fewer queries", SHAPES(3, 7, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), ONE(3, 7), .windows = WINDOWS(3, 1)}},
    {"sliding window, one query", SHAPES(1, 37, 2, 1, 3), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 3), ONE(1, 37), .windows = WINDOWS(20), .slopes = SLOPES}},
    {"sliding window, tiles", SHAPES(74, 74, 1, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(1, 1, 2), FOUR_AND_70, .windows = WINDOWS(9)}},
    {"dropout", SHAPES(6, 6, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), THREE, .dropout = {.rate = .4, .step = 3}}},
    {"tiles", SHAPES(74, 74, 1, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(1, 1, 2), FOUR_AND_70}},
    {"tiles, grouped, slopes, dropout", SHAPES(74, 74, 2, 1, 1), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 1), FOUR_AND_70, .slopes = SLOPES, .dropout = {.rate = .3}}},
    {"values wider", WIDTHS(5, 5, 2, 1, 2, 5), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), ONE(5, 5), .value_width = 5, .slopes = SLOPES}},
    {"values narrower", WIDTHS(6, 6, 2, 2, 16, 3), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 16), THREE, .value_width = 3, .dropout = {.rate = .4}}},
    {"values wider, one query", WIDTHS(1, 37, 2, 1, 3, 17), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 3), ONE(1, 37), .value_width = 17}},
    {"values wider, other columns",
     {SHAPE_OF(5, 7), SHAPE_OF(5, 4), SHAPE_OF(5, 6)},
     .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), ONE(5, 5), .value_width = 4, .q_column = 2, .k_column = 1,
                          .v_column = 1}},
    {"values wider, tiles", WIDTHS(74, 74, 2, 1, 1, 3), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 1), FOUR_AND_70, .value_width = 3, .slopes = SLOPES}},
    {"values narrower, tiles", WIDTHS(74, 74, 1, 1, 8, 1), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(1, 1, 8), FOUR_AND_70, .value_width = 1}},
    {"fewer keys", SHAPES(5, 3, 2, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), .slopes = SLOPES,
                          .rows = {1, INTS(0, 5), INTS(0, 3), INTS(0, 0, 0, 2, 1),
                                   INTS(3, 1, 0, 3, 3), NULL}}},
    {"segments with fewer keys, or none", SHAPES(9, 7, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), .dropout = {.rate = .4},
                          .rows = {3, INTS(0, 5, 7, 9), INTS(0, 3, 3, 7),
                                   INTS(0, 1, 0, 2, 0, 0, 0, 0, 2), INTS(3, 3, 2, 2, 1, 0, 0, 4, 4),
                                   NULL}}},
    {"tiles, fewer queries", SHAPES(3, 140, 1, 1, 1), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(1, 1, 1), ONE(3, 140)}},
    {"soft cap", SHAPES(6, 6, 2, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), THREE, .softcap = .7}},
    {"soft cap, tiles, slopes, dropout", SHAPES(74, 74, 2, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), FOUR_AND_70, .softcap = .3, .slopes = SLOPES,
                          .windows = WINDOWS(30), .dropout = {.rate = .3}}},
    {"soft cap, learned sink, one query", SINK_WIDTHS(1, 37, 2, 1, 3),
     .attr = &(Attention){HEADS(2, 1, 3), ONE(1, 37), .softcap = .5}},
    {"learned sink", SHAPES_SINK(6, 4, 2, 2), .attr = &(Attention){HEADS(4, 2, 2), THREE}},
    {"learned sink, tiles, dropout", SHAPES_SINK(74, 2, 1, 2),
     .attr = &(Attention){HEADS(2, 1, 2), FOUR_AND_70, .slopes = SLOPES, .dropout = {.rate = .3}}},
    {"sinks", SHAPES(9, 9, 2, 2, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 2, 2), ONE(9, 9), .windows = WINDOWS(3, 0), .sinks = 2}},
    {"sinks, tiles", SHAPES(74, 74, 2, 1, 2), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(2, 1, 2), FOUR_AND_70, .windows = WINDOWS(9), .sinks = 5,
                          .slopes = SLOPES, .dropout = {.rate = .3}}},
    {"sinks, far tiles", SHAPES(210, 210, 1, 1, 1), .absent = 1 << SINK,
     .attr = &(Attention){HEADS(1, 1, 1), ONE(210, 210), .windows = WINDOWS(5), .sinks = 3}},
    {"sinks, learned sink, one query", SINK_WIDTHS(1, 90, 2, 1, 3),
     .attr = &(Attention){HEADS(2, 1, 3), ONE(1, 90), .windows = WINDOWS(20), .sinks = 5,
                          .slopes = SLOPES}},
    {0},
};

const Op op_attention = {
    .name = "attention",
    .inputs = 4,
    .optional = 1 << SINK,
    .attr_size = sizeof(Attention),
    .bf16_result = true,
    .needs_inputs = 1 << Q | 1 << K | 1 << V | 1 << SINK | 1 << OP_RESULT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .work = count_work,
    .cases = cases,
};

Tensor *ag_attention(Tape *t, Tensor *q, Tensor *k, Tensor *v, const Attention *a)
{
    return tape_apply(t, &op_attention, (Tensor *[]){q, k, v, a->sink}, a);
}

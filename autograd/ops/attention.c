/* attention: softmax(scale q k^T - slope |i - j|) v for each head, over the keys that a row sees.
 * First version: plain loops. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/ops.h"

enum { Q, K, V };

static Status shape(Node *n)
{
    const Attention *a = n->attr;
    const AttentionRows *rows = &a->rows;
    const Shape q = n->in[Q]->shape, k = n->in[K]->shape, v = n->in[V]->shape;
    const int64_t width = a->heads * a->head_width, kv_width = a->kv_heads * a->head_width;
    if (a->kv_heads < 1 || a->heads % a->kv_heads)
        return FAIL(E_SHAPE, "attention: %lld heads, not a multiple of %lld key heads",
                    (long long)a->heads, (long long)a->kv_heads);
    if (q.rank != 2 || k.rank != 2 || v.rank != 2 || k.dim[0] != v.dim[0] ||
        a->q_column + width > q.dim[1] || a->k_column + kv_width > k.dim[1] ||
        a->v_column + kv_width > v.dim[1])
        return FAIL(
            E_SHAPE,
            "attention: q %s, k %s, v %s from columns %lld, %lld, %lld, for %lld heads (%lld "
            "of keys) of %lld",
            shape_text(q), shape_text(k), shape_text(v), (long long)a->q_column,
            (long long)a->k_column, (long long)a->v_column, (long long)a->heads,
            (long long)a->kv_heads, (long long)a->head_width);
    if (rows->queries[0] || rows->keys[0] || rows->queries[rows->segments] != q.dim[0] ||
        rows->keys[rows->segments] != k.dim[0])
        return FAIL(E_SHAPE, "attention: segments end at %d, %d, for q %s, k %s",
                    (int)rows->queries[rows->segments], (int)rows->keys[rows->segments],
                    shape_text(q), shape_text(k));
    n->out->shape = SHAPE(q.dim[0], width);
    return OK;
}

typedef struct Row {
    const real *q, *k, *v;
    int64_t first, end, own, ldk, ldv, kv;
} Row;

static Row row_of(const Node *n, int64_t s, int64_t i, int64_t h)
{
    const Attention *a = n->attr;
    const AttentionRows *r = &a->rows;
    const int64_t nq = r->queries[s + 1] - r->queries[s], nk = r->keys[s + 1] - r->keys[s];
    const int64_t row = r->queries[s] + i, kv = h * a->kv_heads / a->heads;
    Row x = {.own = nk - nq + i, .kv = kv};
    x.ldk = n->in[K]->shape.dim[1];
    x.ldv = n->in[V]->shape.dim[1];
    x.first = r->first ? r->first[row] : 0;
    x.end = r->end ? r->end[row] : x.own + 1;
    x.q = n->in[Q]->data + row * n->in[Q]->shape.dim[1] + a->q_column + h * a->head_width;
    x.k = n->in[K]->data + r->keys[s] * x.ldk + a->k_column + kv * a->head_width;
    x.v = n->in[V]->data + r->keys[s] * x.ldv + a->v_column + kv * a->head_width;
    return x;
}

static double score(const Attention *a, const Row *x, int64_t j, int64_t h)
{
    double s = 0;
    for (int64_t c = 0; c < a->head_width; c++) s += (double)x->q[c] * x->k[j * x->ldk + c];
    s *= a->scale;
    if (a->slopes) s -= a->slopes[h] * (double)llabs(x->own - j);
    return s;
}

static double kept(const Attention *a, int64_t row, int64_t h, int64_t j)
{
    const Dropout *d = &a->dropout;
    if (!(d->rate > 0)) return 1;
    const uint64_t low = (uint64_t)((d->first_row + row) * a->heads + h) << 24 | (uint64_t)j / 4;
    return rng_block(d->rng, low, d->draw).word[j % 4] < d->rate * 0x1p32 ? 0 : 1 / (1 - d->rate);
}

static void forward(const Node *n)
{
    const Attention *a = n->attr;
    const int64_t hd = a->head_width;
    if (a->stats.max_logit)
        for (int64_t h = 0; h < a->heads; h++) a->stats.max_logit[h] = -INFINITY;
    for (int64_t s = 0; s < a->rows.segments; s++)
        for (int64_t i = 0; i < a->rows.queries[s + 1] - a->rows.queries[s]; i++)
            for (int64_t h = 0; h < a->heads; h++) {
                const Row x = row_of(n, s, i, h);
                const int64_t row = a->rows.queries[s] + i;
                real *y = n->out->data + row * a->heads * hd + h * hd;
                double max = -INFINITY, sum = 0;
                memset(y, 0, (size_t)hd * sizeof *y);
                for (int64_t j = x.first; j < x.end; j++) max = fmax(max, score(a, &x, j, h));
                for (int64_t j = x.first; j < x.end; j++) sum += exp(score(a, &x, j, h) - max);
                for (int64_t j = x.first; j < x.end; j++) {
                    double p = exp(score(a, &x, j, h) - max) / sum * kept(a, row, h, j);
                    for (int64_t c = 0; c < hd; c++) y[c] += (real)p * x.v[j * x.ldv + c];
                }
                if (a->stats.max_logit && max > a->stats.max_logit[h])
                    a->stats.max_logit[h] = (real)max;
            }
}

static void backward(const Node *n)
{
    const Attention *a = n->attr;
    const int64_t hd = a->head_width;
    for (int i = 0; i < 3; i++)
        if (n->din[i] && !n->add[i])
            memset(n->din[i], 0, (size_t)shape_count(n->in[i]->shape) * sizeof(real));
    for (int64_t s = 0; s < a->rows.segments; s++)
        for (int64_t i = 0; i < a->rows.queries[s + 1] - a->rows.queries[s]; i++)
            for (int64_t h = 0; h < a->heads; h++) {
                const Row x = row_of(n, s, i, h);
                const int64_t row = a->rows.queries[s] + i;
                const real *g = n->dout + row * a->heads * hd + h * hd;
                const real *y = n->out->data + row * a->heads * hd + h * hd;
                double max = -INFINITY, sum = 0, delta = 0;
                for (int64_t c = 0; c < hd; c++) delta += (double)g[c] * y[c];
                for (int64_t j = x.first; j < x.end; j++) max = fmax(max, score(a, &x, j, h));
                for (int64_t j = x.first; j < x.end; j++) sum += exp(score(a, &x, j, h) - max);
                for (int64_t j = x.first; j < x.end; j++) {
                    double p = exp(score(a, &x, j, h) - max) / sum, keep = kept(a, row, h, j);
                    double dp = 0;
                    const int64_t key = a->rows.keys[s] + j;
                    for (int64_t c = 0; c < hd; c++) dp += (double)g[c] * x.v[j * x.ldv + c];
                    const real ds = (real)(p * (dp * keep - delta) * a->scale);
                    for (int64_t c = 0; c < hd; c++) {
                        if (n->din[V])
                            n->din[V][key * x.ldv + a->v_column + x.kv * hd + c] +=
                                (real)(p * keep) * g[c];
                        if (n->din[K])
                            n->din[K][key * x.ldk + a->k_column + x.kv * hd + c] += ds * x.q[c];
                        if (n->din[Q])
                            n->din[Q][row * n->in[Q]->shape.dim[1] + a->q_column + h * hd + c] +=
                                ds * x.k[j * x.ldk + c];
                    }
                }
            }
}

static const OpCase cases[] = {{0}};

const Op op_attention = {
    .name = "attention",
    .inputs = 3,
    .attr_size = sizeof(Attention),
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_attention(Tape *t, Tensor *q, Tensor *k, Tensor *v, const Attention *a)
{
    return tape_apply(t, &op_attention, (Tensor *[]){q, k, v}, a);
}

/* Inside the attention kernel: forward for a single query, as in decoding. Packing the keys would
 * pay only if more rows shared them, so k and v are read directly, once and in order: memory
 * bandwidth bounds the time. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_ONE_H
#define AUTOGRAD_KERNELS_ATTENTION_ONE_H

#include "autograd/kernels/attention_tile.h"
#include "autograd/kernels/attention_vector.h"

enum { PREFETCH_ROWS = 16 };

static bool is_one(const AttentionUnit *u)
{
    return u->queries == 1 && !u->drop_below;
}

INLINE real dot(const real *x, const real *y, int64_t width)
{
    Vec sum = {0};
    real rest = 0;
    int64_t c = 0;
    for (; c + LANES <= width; c += LANES) sum += load(x + c) * load(y + c);
    for (; c < width; c++) rest += x[c] * y[c];
    return total(sum) + rest;
}

/* Keys whose rows in k and v follow each other, `offset` rows after their numbers. */
typedef struct KeyRun {
    Interval keys;
    int64_t offset;
} KeyRun;

static int64_t run_length(const KeyRun *run)
{
    return run->keys.end > run->keys.first ? run->keys.end - run->keys.first : 0;
}

/* The keys that the query sees, in order: sinks, and up to two parts of a ring. */
static void one_runs(const AttentionUnit *u, Interval see, KeyRun run[3])
{
    const int64_t wrap = u->keys - u->turn;
    run[0] = (KeyRun){{0, sinks_of(u, see)}, 0};
    run[1] = (KeyRun){{see.first, see.end < wrap ? see.end : wrap}, u->turn};
    run[2] = (KeyRun){{see.first > wrap ? see.first : wrap, see.end}, u->turn - u->ring};
}

/* p = log2 e times the scores of the keys of a run. */
static void one_scores(const AttentionUnit *u, int64_t head, const KeyRun *run, real *p)
{
    const Interval see = run->keys;
    const real scale = (real)(u->scale * LOG2E);
    const real slope = u->slopes ? (real)(u->slopes[head] * LOG2E) : 0;
    const real cap = (real)(u->softcap * LOG2E);
    const real *q = u->q.data + head * u->head_width;
    for (int64_t key = see.first; key < see.end; key++) {
        const real *k = u->k.data + (key + run->offset) * u->k.step;
        if (key + PREFETCH_ROWS < see.end)
            PREFETCH(k + PREFETCH_ROWS * u->k.step, u->head_width, 0);
        real s = dot(q, k, u->head_width) * scale;
        if (u->softcap > 0) s = cap * (real)tanh((double)(s / cap));
        p[key - see.first] = s - slope * (real)(u->keys - 1 - key);
    }
}

/* y = the sum of the seen rows of v, each times its weight, or y += that. */
static void one_sum(const AttentionUnit *u, const KeyRun *run, const real *p, real *y, bool add)
{
    const Interval see = run->keys;
    const int64_t count = see.end - see.first, step = u->v.step, width = u->value_width;
    const real *v = u->v.data + (see.first + run->offset) * step;
    int64_t c = 0;
    for (int64_t vecs; (vecs = (width - c) / LANES) > 0; c += (vecs > 1 ? 2 : 1) * LANES)
        if (vecs > 1)
            product_tile(1, 2, count, p, 0, 1, v + c, step, y + c, 0, add);
        else
            product_tile(1, 1, count, p, 0, 1, v + c, step, y + c, 0, add);
    for (; c < width; c++) {
        real sum = add ? y[c] : 0;
        for (int64_t i = 0; i < count; i++) sum += p[i] * v[i * step + c];
        y[c] = sum;
    }
}

static void one_forward(const AttentionUnit *u)
{
    const Interval see = seen(u, 0);
    const int64_t count = sinks_of(u, see) + see.end - see.first;
    real *p = u->scratch;
    KeyRun run[3];
    one_runs(u, see, run);
    for (int64_t head = 0; head < u->group; head++) {
        real *y = u->y.data + head * u->value_width;
        real *log_sum = u->log_sum ? u->log_sum + head * u->log_sum_step : NULL;
        if (u->max_logit) u->max_logit[head] = -(real)INFINITY;
        if (u->entropy) u->entropy[head] = 0;
        if (log_sum) *log_sum = 0;
        if (count <= 0) {
            memset(y, 0, (size_t)u->value_width * sizeof *y);
            continue;
        }
        store(p + (count - 1) / LANES * LANES, all(-(real)INFINITY));
        for (int64_t i = 0, at = 0; i < 3; at += run_length(run + i), i++)
            one_scores(u, head, run + i, p + at);
        Vec most = load(p), lanes = {0}, spread = {0};
        for (int64_t i = LANES; i < count; i += LANES) most = larger(load(p + i), most);
        real max = largest(most);
        for (int64_t i = 0; i < count; i += LANES) {
            const Vec score = load(p + i) - max, e = exp2_vec(score);
            lanes += e;
            if (u->entropy) spread += e * larger(score, all(WEIGHTLESS));
            store(p + i, e);
        }
        real sum = total(lanes);
        if (u->entropy) u->entropy[head] = entropy_of(sum, total(spread));
        if (u->max_logit) u->max_logit[head] = max / (real)LOG2E;
        for (int64_t i = 0, at = 0; i < 3; at += run_length(run + i), i++)
            if (run_length(run + i)) one_sum(u, run + i, p + at, y, at > 0);
        scale_row(y, y, u->value_width, add_sink(u->sink, head, &max, &sum));
        if (log_sum) *log_sum = (real)(max + log2_real(sum));
    }
}

#endif

#include "train/generate/sampler.h"

#include <math.h>
#include <stdlib.h>

#include "autograd/kernels/vector.h"

/* Tokens are binned by how far their logits, over the temperature, are below the largest: steps of 1 / STEPS, all
 * that is further down in the last bin. Only where a bin is cut in two are its tokens sorted. */
enum { BLOCK = 256, BINS = 4096, STEPS = 64 };

typedef struct Bins {
    int64_t counts[BINS];
    double sums[BINS]; /* of weights */
} Bins;

typedef struct Logits {
    const real *x;
    int64_t count;
    real max, inverse; /* of the temperature */
} Logits;

static int larger_first(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return x->token < y->token ? -1 : 1;
}

/* The largest; false if one is not a number. */
VECTOR static bool find_max(const real *x, int64_t count, real *out)
{
    real max = x[0];
    int bad = 0;
#pragma omp simd reduction(max : max) reduction(| : bad)
    for (int64_t i = 0; i < count; i++) {
        bad |= !(x[i] - x[i] == 0);
        max = x[i] > max ? x[i] : max;
    }
    *out = max;
    return !bad;
}

/* Weights of a block, and their sum. */
VECTOR static double weigh(const Logits *l, int64_t begin, int64_t count, real *weight)
{
    const real *x = l->x + begin, max = l->max, inverse = l->inverse;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) weight[i] = vexp((x[i] - max) * inverse);
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += weight[i];
    return sum;
}

static int bin_of(const Logits *l, int64_t i)
{
    const real below = (l->max - l->x[i]) * l->inverse * STEPS;
    return below < BINS - 1 ? (int)below : BINS - 1;
}

static int64_t block_at(const Logits *l, int64_t begin)
{
    return l->count - begin < BLOCK ? l->count - begin : BLOCK;
}

/* Among `count` weights, where the sum passes `left`; rounding may carry that past the end: then the last one
 * that can be. */
static int64_t find(const real *weight, int64_t count, double left)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (weight[i] > 0) found = i;
        left -= weight[i];
        if (left < 0) break;
    }
    return found;
}

static int32_t choose_of_all(const Logits *l, double uniform)
{
    real weight[BLOCK];
    double sum = 0;
    int64_t last = 0; /* block that has a weight */
    for (int64_t i = 0; i < l->count; i += BLOCK) sum += weigh(l, i, block_at(l, i), weight);
    double left = uniform * sum;
    for (int64_t i = 0; i < l->count; i += BLOCK) {
        const double here = weigh(l, i, block_at(l, i), weight);
        if (here > 0) last = i;
        if (left < here) return (int32_t)(i + find(weight, block_at(l, i), left));
        left -= here;
    }
    weigh(l, last, block_at(l, last), weight);
    return (int32_t)(last + find(weight, block_at(l, last), INFINITY));
}

/* The tokens of the bins up to where there are top_k, or where they make up top_p of all: those of the last bin
 * sorted behind the others. Returns how many; *sum: of the weights of all tokens; *sure: in the others. */
static int64_t gather(const Logits *l, const Choosing *c, Candidate *kept, double *sum,
                      int64_t *sure)
{
    Bins bins = {0};
    real weight[BLOCK];
    *sum = 0;
    for (int64_t i = 0; i < l->count; i += BLOCK) {
        *sum += weigh(l, i, block_at(l, i), weight);
        for (int64_t j = 0; j < block_at(l, i); j++) {
            const int bin = bin_of(l, i + j);
            bins.counts[bin]++;
            bins.sums[bin] += weight[j];
        }
    }
    int64_t inside = 0;
    double part = 0;
    int cut = 0;
    for (; cut < BINS - 1; cut++) {
        const bool enough = c->top_k ? inside + bins.counts[cut] >= c->top_k
                                     : part + bins.sums[cut] >= c->top_p * *sum;
        if (enough) break;
        inside += bins.counts[cut];
        part += bins.sums[cut];
    }
    int64_t count = 0, behind = inside;
    for (int64_t i = 0; i < l->count; i++) {
        const int bin = bin_of(l, i);
        if (bin <= cut) kept[bin < cut ? count++ : behind++] = (Candidate){l->x[i], 0, (int32_t)i};
    }
    qsort(kept + inside, (size_t)(behind - inside), sizeof *kept, larger_first);
    *sure = inside;
    return behind;
}

/* The tokens that stay, and their weights. */
static int64_t narrow(const Logits *l, const Choosing *c, Candidate *kept)
{
    double sum, part = 0;
    int64_t sure, count = gather(l, c, kept, &sum, &sure);
    if (c->top_k && c->top_k < count) count = c->top_k;
    if (c->top_k && c->top_p < 1) {
        qsort(kept, (size_t)count, sizeof *kept, larger_first);
        sum = sure = 0;
    }
    for (int64_t i = 0; i < count; i++)
        kept[i].weight = vexp((kept[i].logit - l->max) * l->inverse);
    if (c->top_p >= 1) return count;
    for (int64_t i = 0; c->top_k && i < count; i++) sum += kept[i].weight;
    for (int64_t i = 0; i < count; i++) {
        part += kept[i].weight;
        if (i >= sure && part >= c->top_p * sum) return i + 1;
    }
    return count;
}

static int32_t choose_of_some(const Candidate *kept, int64_t count, double uniform)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += kept[i].weight;
    double left = uniform * sum;
    int32_t token = kept[0].token;
    for (int64_t i = 0; i < count; i++) {
        if (kept[i].weight > 0) token = kept[i].token;
        left -= kept[i].weight;
        if (left < 0) break;
    }
    return token;
}

Status choose_token(const real *logits, int64_t count, const Choosing *c, double uniform,
                    Candidate *scratch, int32_t *token)
{
    enum { INVERSE_MAX = 1 << 30 };
    Logits l = {.x = logits, .count = count};
    if (!find_max(logits, count, &l.max)) {
        int64_t i = 0;
        while (isfinite(logits[i])) i++;
        return FAIL(E_NUMERIC, "the model gives token %lld the logit %g", (long long)i,
                    (double)logits[i]);
    }
    if (c->temperature == 0) {
        for (*token = 0; logits[*token] < l.max;) ++*token;
        return OK;
    }
    l.inverse = c->temperature * INVERSE_MAX > 1 ? (real)(1 / c->temperature) : INVERSE_MAX;
    if (c->top_k || c->top_p < 1)
        *token = choose_of_some(scratch, narrow(&l, c, scratch), uniform);
    else
        *token = choose_of_all(&l, uniform);
    return OK;
}

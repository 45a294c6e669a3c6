#include "train/generate/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "autograd/kernels/vector.h"

/* top_k and top_p need the likeliest tokens, but not in order: sorting the whole vocabulary
 * would cost more than all else. Tokens are counted in bins of (largest logit - logit) /
 * temperature, 1 / STEPS wide, the last bin open. Only the bin in which the cut falls is sorted. */
enum { BLOCK = 256, BINS = 4096, STEPS = 64 };

typedef struct Bins {
    int64_t counts[BINS];
    double sums[BINS]; /* of the weights exp((logit - max) / temperature) */
} Bins;

typedef struct Logits {
    const real *x;
    int64_t count;
    real max, inverse; /* inverse: 1 / temperature */
} Logits;

static int larger_first(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
    return x->token < y->token ? -1 : 1;
}

/* The largest logit; false if one is not finite. */
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

/* The weights of a block; returns their sum. */
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

/* The index among `count` weights at which their running sum exceeds `left`. If rounding keeps
 * it below: the last one that is not 0. */
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

/* *sum: of all weights. */
static int32_t sample_all(const Logits *l, double uniform, double *sum)
{
    real weight[BLOCK];
    int64_t last = 0; /* the last block with a weight above 0 */
    *sum = 0;
    for (int64_t i = 0; i < l->count; i += BLOCK) *sum += weigh(l, i, block_at(l, i), weight);
    double left = uniform * *sum;
    for (int64_t i = 0; i < l->count; i += BLOCK) {
        const double here = weigh(l, i, block_at(l, i), weight);
        if (here > 0) last = i;
        if (left < here) return (int32_t)(i + find(weight, block_at(l, i), left));
        left -= here;
    }
    weigh(l, last, block_at(l, last), weight);
    return (int32_t)(last + find(weight, block_at(l, last), INFINITY));
}

/* Collects the tokens of the bins up to the one in which top_k or top_p is reached. Tokens of
 * that bin come last, sorted. Returns the number of tokens. *sum: the weights of all tokens;
 * *sure: tokens in the bins before. */
static int64_t gather(const Logits *l, const SamplerParams *c, Candidate *kept, double *sum,
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

static bool has_typical_p(const SamplerParams *c)
{
    return c->typical_p > 0 && c->typical_p < 1;
}

/* Applies top_k and top_p. Returns the number of tokens kept, with their weights in kept. */
static int64_t apply_limits(const Logits *l, const SamplerParams *c, Candidate *kept)
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

static int64_t keep_all(const Logits *l, Candidate *kept)
{
    for (int64_t i = 0; i < l->count; i++)
        kept[i] = (Candidate){l->x[i], vexp((l->x[i] - l->max) * l->inverse), (int32_t)i};
    return l->count;
}

static int64_t apply_all_limits(const Logits *l, const SamplerParams *c, Candidate *kept)
{
    int64_t count = c->top_k || c->top_p < 1 ? apply_limits(l, c, kept) : keep_all(l, kept);
    if (c->min_p > 0) count = limit_min_p(c->min_p, kept, count);
    if (has_typical_p(c)) count = limit_typical_p(c->typical_p, kept, count);
    return count;
}

/* *sum: of their weights. */
static int32_t sample_kept(const Candidate *kept, int64_t count, double uniform, double *sum)
{
    *sum = 0;
    for (int64_t i = 0; i < count; i++) *sum += kept[i].weight;
    double left = uniform * *sum;
    int32_t token = kept[0].token;
    for (int64_t i = 0; i < count; i++) {
        if (kept[i].weight > 0) token = kept[i].token;
        left -= kept[i].weight;
        if (left < 0) break;
    }
    return token;
}

Status sampler_choose(const real *logits, int64_t count, const SamplerParams *c, double uniform,
                      Candidate *scratch, Sampled *out)
{
    enum { INVERSE_MAX = 1 << 30 };
    Logits l = {.x = logits, .count = count};
    double sum;
    if (!find_max(logits, count, &l.max)) {
        int64_t i = 0;
        while (isfinite(logits[i])) i++;
        return FAIL(E_NUMERIC, "the logit of token %lld is %g", (long long)i, (double)logits[i]);
    }
    *out = (Sampled){.probability = 1};
    if (c->temperature == 0) {
        while (logits[out->token] < l.max) out->token++;
        return OK;
    }
    l.inverse = c->temperature * INVERSE_MAX > 1 ? (real)(1 / c->temperature) : INVERSE_MAX;
    if (c->top_k || c->top_p < 1 || c->min_p > 0 || has_typical_p(c))
        out->token = sample_kept(scratch, apply_all_limits(&l, c, scratch), uniform, &sum);
    else
        out->token = sample_all(&l, uniform, &sum);
    out->probability = (double)vexp((logits[out->token] - l.max) * l.inverse) / sum;
    return OK;
}

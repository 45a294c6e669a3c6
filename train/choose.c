#include "train/choose.h"

#include <math.h>
#include <stdlib.h>

static int likelier_first(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return x->token < y->token ? -1 : 1;
}

/* How many candidates stay, likeliest first. */
static int64_t narrow(Candidate *all, int64_t count, const Choosing *c)
{
    qsort(all, (size_t)count, sizeof *all, likelier_first);
    if (c->top_k && c->top_k < count) count = c->top_k;
    double sum = 0, part = 0;
    for (int64_t i = 0; i < count; i++) sum += all[i].weight;
    for (int64_t i = 0; i < count; i++) {
        part += all[i].weight;
        if (part >= c->top_p * sum) return i + 1;
    }
    return count;
}

Status choose_token(const real *logits, int64_t count, const Choosing *c, double uniform,
                    Candidate *scratch, int32_t *token)
{
    int64_t best = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(logits[i]))
            return FAIL(E_NUMERIC, "the model gives token %lld the logit %g", (long long)i,
                        (double)logits[i]);
        if (logits[i] > logits[best]) best = i;
    }
    *token = (int32_t)best;
    if (c->temperature == 0) return OK;

    for (int64_t i = 0; i < count; i++)
        scratch[i] = (Candidate){exp(((double)logits[i] - (double)logits[best]) / c->temperature),
                                 (int32_t)i};
    if (c->top_k || c->top_p < 1) count = narrow(scratch, count, c);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += scratch[i].weight;
    double left = uniform * sum;
    for (int64_t i = 0; i < count; i++) {
        /* Rounding may carry `left` past the end; then it is the last one that can be. */
        if (scratch[i].weight > 0) *token = scratch[i].token;
        left -= scratch[i].weight;
        if (left < 0) break;
    }
    return OK;
}

/* Locally typical sampling: tokens whose information, -log p, is closest to the entropy, as few as
 * have at least this probability together (Meister et al. 2022, arXiv:2202.00666, section 4). */
#include <math.h>
#include <stdlib.h>

#include "train/generate/sampler.h"

/* While candidates are ordered, logit is the distance of -log p from the entropy. */
static int closest_first(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->logit != y->logit) return x->logit < y->logit ? -1 : 1;
    return x->token < y->token ? -1 : 1;
}

/* Drops those that cannot be sampled, and returns the number of the others. */
static int64_t drop_impossible(Candidate *kept, int64_t count)
{
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++)
        if (kept[i].weight > 0) kept[left++] = kept[i];
    return left;
}

int64_t limit_typical_p(double typical_p, Candidate *kept, int64_t count)
{
    double sum = 0, entropy = 0, part = 0;
    count = drop_impossible(kept, count);
    for (int64_t i = 0; i < count; i++) sum += (double)kept[i].weight;
    for (int64_t i = 0; i < count; i++) {
        const double p = (double)kept[i].weight / sum;
        entropy -= p * log(p);
    }
    for (int64_t i = 0; i < count; i++)
        kept[i].logit = (real)fabs(-log((double)kept[i].weight / sum) - entropy);
    qsort(kept, (size_t)count, sizeof *kept, closest_first);
    for (int64_t i = 0; i < count; i++) {
        part += (double)kept[i].weight;
        if (part >= typical_p * sum) return i + 1;
    }
    return count;
}

/* Min-p: tokens whose probability is at least min_p times that of the likeliest token (Nguyen et
 * al. 2024, arXiv:2407.01082). */
#include "train/generate/sampler.h"

int64_t limit_min_p(double min_p, Candidate *kept, int64_t count)
{
    real most = 0;
    int64_t left = 0;
    for (int64_t i = 0; i < count; i++)
        if (kept[i].weight > most) most = kept[i].weight;
    for (int64_t i = 0; i < count; i++)
        if ((double)kept[i].weight >= min_p * (double)most) kept[left++] = kept[i];
    return left;
}

#include "train/generate/log_prob.h"

#include <math.h>
#include <string.h>

double log_sum_exp(const real *x, int64_t count)
{
    double max = (double)x[0], sum = 0;
    for (int64_t i = 1; i < count; i++)
        if ((double)x[i] > max) max = (double)x[i];
    for (int64_t i = 0; i < count; i++) sum += exp((double)x[i] - max);
    return max + log(sum);
}

static Status reserve(LogProbs *l, Arena *a)
{
    if (l->count < l->room) return OK;
    const int64_t room = 2 * l->room + 64;
    TokenLogProb *all = arena_take(a, room * (int64_t)sizeof *all);
    if (!all) return FAIL(E_NOMEM, "log-probabilities of %lld tokens", (long long)room);
    if (l->count) memcpy(all, l->all, (size_t)l->count * sizeof *all);
    l->all = all;
    l->room = room;
    return OK;
}

/* The likeliest tokens first; of equal ones the lower number. */
static void find_top(const real *logits, int64_t count, double log_sum, int64_t top,
                     LikelyToken *out)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        const double log_prob = (double)logits[i] - log_sum;
        if (found == top && log_prob <= out[top - 1].log_prob) continue;
        int64_t at = found < top ? found++ : top - 1;
        for (; at && out[at - 1].log_prob < log_prob; at--) out[at] = out[at - 1];
        out[at] = (LikelyToken){(int32_t)i, log_prob};
    }
}

Status log_probs_add(LogProbs *l, Arena *a, const real *logits, int64_t vocab_size, int64_t top,
                     int32_t token, double sampling)
{
    const double log_sum = log_sum_exp(logits, vocab_size);
    TRY(reserve(l, a));
    TokenLogProb *new = l->all + l->count;
    *new = (TokenLogProb){token, (double)logits[token] - log_sum, log(sampling), NULL};
    if (top) {
        new->top = arena_take(a, top * (int64_t)sizeof *new->top);
        if (!new->top) return FAIL(E_NOMEM, "the %lld likeliest tokens", (long long)top);
        find_top(logits, vocab_size, log_sum, top, new->top);
    }
    l->count++;
    return OK;
}

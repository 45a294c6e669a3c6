/* Frequency and presence penalty, as OpenAI defines them: a token that is n times in the new text
 * loses n x frequency, and presence if n > 0. The prompt does not count. */
#include "train/generate/logit_stages.h"

static bool is_on(const LogitParams *p)
{
    return p->presence_penalty != 0 || p->frequency_penalty != 0;
}

static void apply(const LogitParams *p, const TokenHistory *h, real *x)
{
    for (int64_t i = 0; i < h->vocab_size; i++)
        if (h->generated[i] && i != h->end_of_text && x[i] > LOGIT_FORBIDDEN)
            x[i] -= (real)(h->generated[i] * p->frequency_penalty + p->presence_penalty);
}

const LogitStage stage_count_penalties = {"--presence-penalty or --frequency-penalty", is_on,
                                          apply};

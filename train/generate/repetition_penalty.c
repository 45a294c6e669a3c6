/* Repetition penalty: logits of tokens that are in the text, its prompt included, are divided by
 * the penalty if positive and multiplied if negative, once for each token (Keskar et al. 2019,
 * arXiv:1909.05858, section 4.1; the sign as in Hugging Face's RepetitionPenaltyLogitsProcessor). */
#include "train/generate/logit_stages.h"

static bool is_on(const LogitParams *p)
{
    return p->repetition_penalty > 0 && p->repetition_penalty != 1;
}

static void apply(const LogitParams *p, const TokenHistory *h, real *x)
{
    const real penalty = (real)p->repetition_penalty;
    for (int64_t i = 0; i < h->vocab_size; i++)
        if (h->seen[i] && i != h->end_of_text && x[i] > LOGIT_FORBIDDEN)
            x[i] = x[i] > 0 ? x[i] / penalty : x[i] * penalty;
}

const LogitStage stage_repetition_penalty = {"--repetition-penalty", is_on, apply};

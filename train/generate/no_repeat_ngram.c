/* No-repeat n-grams: a token is forbidden if it would end n tokens that are in the text already,
 * its prompt included (Paulus et al. 2017, arXiv:1705.04304, section 2.5). */
#include <string.h>

#include "train/generate/logit_stages.h"

static bool is_on(const LogitParams *p)
{
    return p->no_repeat_ngram > 0;
}

static void apply(const LogitParams *p, const TokenHistory *h, real *x)
{
    const int64_t begun = p->no_repeat_ngram - 1;
    if (begun > h->count) return;
    const int32_t *last = h->tokens + h->count - begun;
    for (const int32_t *at = h->tokens; at + begun < h->tokens + h->count; at++)
        if (at[begun] != h->end_of_text && !memcmp(at, last, (size_t)begun * sizeof *at))
            x[at[begun]] = LOGIT_FORBIDDEN;
}

const LogitStage stage_no_repeat_ngram = {"--no-repeat-ngram", is_on, apply};

#include "train/generate/logit_stages.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define X(name) &stage_##name,
static const LogitStage *const stages[] = {LOGIT_STAGES(X)};
#undef X
enum { STAGES = sizeof stages / sizeof *stages };

const real LOGIT_FORBIDDEN = sizeof(real) == sizeof(float) ? (real)-FLT_MAX : (real)-DBL_MAX;

bool logit_stages_are_on(const LogitParams *p)
{
    for (int i = 0; i < STAGES; i++)
        if (stages[i]->is_on(p)) return true;
    return false;
}

Status logit_stages_add(const LogitParams *p, TokenHistory *h, int32_t token)
{
    if (p->regex && token != h->end_of_text)
        h->regex_state = regex_tokens_step(p->regex, h->regex_state, token);
    return token_history_add(h, token);
}

static Status nothing_left(const LogitParams *p)
{
    char list[256] = "";
    for (int i = 0; i < STAGES; i++)
        if (stages[i]->is_on(p)) {
            const size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s%s", used ? " and " : "",
                     stages[i]->option);
        }
    return FAIL(E_ARG, "no token is left to sample from: all are forbidden by %s", list);
}

Status logit_stages_apply(const LogitParams *p, const TokenHistory *h, const real *logits,
                          real *out)
{
    for (int64_t i = 0; i < h->vocab_size; i++)
        if (!isfinite(logits[i]))
            return FAIL(E_NUMERIC, "the logit of token %lld is %g", (long long)i,
                        (double)logits[i]);
    memcpy(out, logits, (size_t)h->vocab_size * sizeof *out);
    for (int i = 0; i < STAGES; i++)
        if (stages[i]->is_on(p)) stages[i]->apply(p, h, out);
    for (int64_t i = 0; i < h->vocab_size; i++)
        if (out[i] > LOGIT_FORBIDDEN) return OK;
    return nothing_left(p);
}

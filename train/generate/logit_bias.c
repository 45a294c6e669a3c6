/* Logit bias: numbers that are added to the logits of given tokens (OpenAI's logit_bias). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "train/generate/logit_stages.h"

/* Far beyond what changes anything, and far from overflow. */
#define BIAS_MAX 1e6

static bool is_on(const LogitParams *p)
{
    return p->bias_count > 0;
}

static void apply(const LogitParams *p, const TokenHistory *h, real *x)
{
    (void)h;
    for (int64_t i = 0; i < p->bias_count; i++) {
        const LogitBias *b = p->biases + i;
        if (isinf(b->value))
            x[b->token] = LOGIT_FORBIDDEN;
        else if (x[b->token] > LOGIT_FORBIDDEN)
            x[b->token] += (real)b->value;
    }
}

const LogitStage stage_logit_bias = {"--logit-bias", is_on, apply};

Status logit_bias_read(const char *text, int64_t vocab_size, LogitBias *out)
{
    char *equals, *end;
    errno = 0;
    const long long token = strtoll(text, &equals, 10);
    const char *value = equals + (*equals == '=');
    out->value = strtod(value, &end);
    const bool is_value = out->value == -INFINITY || fabs(out->value) <= BIAS_MAX;
    if (equals == text || errno || value == equals || end == value || *end || !is_value)
        return FAIL(E_ARG,
                    "--logit-bias %s: expected ID=VALUE, the number of a token and -inf or a "
                    "number in [%g, %g]",
                    text, -BIAS_MAX, BIAS_MAX);
    if (token < 0 || token >= vocab_size)
        return FAIL(E_ARG, "--logit-bias %s: there is no token %lld; the vocabulary is 0 to %lld",
                    text, token, (long long)vocab_size - 1);
    out->token = (int32_t)token;
    return OK;
}

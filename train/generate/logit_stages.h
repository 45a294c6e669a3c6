/* What changes the logits before a token is sampled: one file per stage, applied in the order of
 * this list. After them come the temperature and the limits of sampler.h.
 *
 * A stage that is off leaves every bit. End-of-text is never penalised or banned for being in the
 * text already. */
#ifndef TRAIN_GENERATE_LOGIT_STAGES_H
#define TRAIN_GENERATE_LOGIT_STAGES_H

#include "autograd/tensor.h"
#include "train/generate/regex_tokens.h"
#include "train/generate/token_history.h"

#define LOGIT_STAGES(X)   \
    X(logit_bias)         \
    X(regex)              \
    X(repetition_penalty) \
    X(count_penalties)    \
    X(no_repeat_ngram)

typedef struct LogitBias {
    int32_t token;
    double value; /* -INFINITY: never this token */
} LogitBias;

/* 0 is off in each; repetition_penalty 1 too. */
typedef struct LogitParams {
    const LogitBias *biases;
    int64_t bias_count;
    double repetition_penalty, presence_penalty, frequency_penalty;
    int64_t no_repeat_ngram;
    const RegexTokens *regex; /* NULL: off */
} LogitParams;

typedef struct LogitStage {
    const char *option; /* as the user knows it */
    bool (*is_on)(const LogitParams *p);
    /* x [h->vocab_size]: logits, or LOGIT_FORBIDDEN. */
    void (*apply)(const LogitParams *p, const TokenHistory *h, real *x);
} LogitStage;

/* The logit of a token that must not be sampled: the least number, whose probability is 0. */
extern const real LOGIT_FORBIDDEN;

/* Whether any stage is on. */
bool logit_stages_are_on(const LogitParams *p);

/* Applies the stages to a copy of logits, in out [h->vocab_size]. E_NUMERIC: a logit is not
 * finite. E_ARG: no token is left. */
Status logit_stages_apply(const LogitParams *p, const TokenHistory *h, const real *logits,
                          real *out);

/* Adds a token that was sampled to the history, for the stages. */
Status logit_stages_add(const LogitParams *p, TokenHistory *h, int32_t token);

/* "50=-3.5", "50=-inf". E_ARG: not in this form, or there is no token of that number. */
Status logit_bias_read(const char *text, int64_t vocab_size, LogitBias *out);

#define X(name) extern const LogitStage stage_##name;
LOGIT_STAGES(X)
#undef X

#endif

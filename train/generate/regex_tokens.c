#include "train/generate/regex_tokens.h"

#include <string.h>

#include "train/generate/logit_stages.h"

int32_t regex_tokens_step(const RegexTokens *r, int32_t state, int32_t token)
{
    int64_t size;
    const char *bytes = tokenizer_bytes(r->tokenizer, token, &size);
    if (!size) return REGEX_DEAD;
    for (int64_t i = 0; i < size && state >= 0; i++)
        state = r->regex.next[state][(unsigned char)bytes[i]];
    return state;
}

/* before[to, from]: a bit for each pair of states with a token between. */
static void find_steps(const RegexTokens *r, uint64_t *before, int64_t words)
{
    for (int32_t from = 0; from < r->regex.count; from++)
        for (int32_t token = 0; token < r->vocab_size; token++) {
            const int32_t to = regex_tokens_step(r, from, token);
            if (to >= 0) before[to * words + from / 64] |= UINT64_C(1) << from % 64;
        }
}

/* Breadth first, from the states that match. queue: [states]. */
static void find_distances(RegexTokens *r, const uint64_t *before, int64_t words, int32_t *queue)
{
    int32_t begin = 0, end = 0;
    for (int32_t i = 0; i < r->regex.count; i++) {
        r->distance[i] = r->regex.accepts[i] ? 0 : INT32_MAX;
        if (r->regex.accepts[i]) queue[end++] = i;
    }
    for (; begin < end; begin++)
        for (int64_t w = 0; w < words; w++)
            for (uint64_t left = before[queue[begin] * words + w]; left; left &= left - 1) {
                const int32_t from = (int32_t)(w * 64 + __builtin_ctzll(left));
                if (r->distance[from] < INT32_MAX) continue;
                r->distance[from] = r->distance[queue[begin]] + 1;
                queue[end++] = from;
            }
}

static Status measure(RegexTokens *r, Arena *a)
{
    const int64_t count = r->regex.count, words = count / 64 + 1;
    Arena scratch = {0};
    uint64_t *before = arena_zero(&scratch, count * words * (int64_t)sizeof *before);
    int32_t *queue = arena_take(&scratch, count * (int64_t)sizeof *queue);
    r->distance = arena_take(a, count * (int64_t)sizeof *r->distance);
    const bool fits = before && queue && r->distance;
    if (fits) {
        find_steps(r, before, words);
        find_distances(r, before, words, queue);
    }
    arena_free(&scratch);
    return fits ? OK : FAIL(E_NOMEM, "--regex");
}

Status regex_tokens_open(RegexTokens *r, Arena *a, const char *pattern, const Tokenizer *t,
                         int64_t vocab_size, int64_t tokens)
{
    *r = (RegexTokens){.tokenizer = t, .vocab_size = vocab_size};
    if (!t) return FAIL(E_ARG, "--regex needs a model with a tokenizer; this one writes numbers");
    TRY(regex_open(&r->regex, a, pattern));
    TRY(measure(r, a));
    if (*r->distance == INT32_MAX)
        return FAIL(E_ARG, "--regex %s: no text of this model's tokens matches", pattern);
    if (*r->distance > tokens)
        return FAIL(E_ARG,
                    "--regex %s: a text that matches has at least %d tokens; --tokens is %lld",
                    pattern, (int)*r->distance, (long long)tokens);
    return OK;
}

static bool is_on(const LogitParams *p)
{
    return p->regex != NULL;
}

static void apply(const LogitParams *p, const TokenHistory *h, real *x)
{
    const RegexTokens *r = p->regex;
    for (int32_t i = 0; i < h->vocab_size; i++) {
        const int32_t to = regex_tokens_step(r, h->regex_state, i);
        const bool is_end = i == h->end_of_text && r->regex.accepts[h->regex_state],
                   fits = to >= 0 && r->distance[to] < h->left;
        if (!is_end && !fits) x[i] = LOGIT_FORBIDDEN;
    }
}

const LogitStage stage_regex = {"--regex", is_on, apply};

/* What changes logits before a token is sampled, the limits of the sampler, and stop strings:
 * against numbers that were computed by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/generate/logit_stages.h"
#include "train/generate/sampler.h"
#include "train/generate/stop_strings.h"

enum { VOCAB = 6, END = 5 };

/* Applies the stages to `logits` after a prompt and a new text, "01" or "". */
static Status apply(const LogitParams *p, const char *prompt, const char *text, const real *logits,
                    real out[VOCAB])
{
    Arena a = {0};
    TokenHistory h;
    int32_t tokens[16];
    const int64_t count = (int64_t)strlen(prompt);
    for (int64_t i = 0; i < count; i++) tokens[i] = prompt[i] - '0';
    cr_assert_eq(token_history_open(&h, &a, VOCAB, END, tokens, count), OK);
    for (; *text; text++) cr_assert_eq(token_history_add(&h, *text - '0'), OK);
    const Status status = logit_stages_apply(p, &h, logits, out);
    arena_free(&a);
    return status;
}

static void expect(const LogitParams *p, const char *prompt, const char *text,
                   const double expected[VOCAB])
{
    static const real logits[VOCAB] = {2, -1, 0, 1, 3, 2};
    real out[VOCAB];
    cr_assert_eq(apply(p, prompt, text, logits, out), OK, "%s", error_message());
    for (int i = 0; i < VOCAB; i++)
        if (isinf(expected[i]))
            cr_expect_eq(out[i], LOGIT_FORBIDDEN, "token %d", i);
        else
            cr_expect_float_eq((double)out[i], expected[i], 1e-6, "token %d: %g", i,
                               (double)out[i]);
}

#define NO -INFINITY

/* 2 -> 1.5385, -1 -> -1.3: once for each token, the prompt's too, and never end-of-text. */
Test(stages, repetition_penalty)
{
    const LogitParams p = {.repetition_penalty = 1.3};
    cr_expect(logit_stages_are_on(&p));
    expect(&p, "01", "00112", (double[]){2 / 1.3, -1.3, 0, 1, 3, 2});
    expect(&p, "5", "5", (double[]){2, -1, 0, 1, 3, 2});
}

/* n x frequency + presence over the new text; the prompt does not count. */
Test(stages, count_penalties)
{
    expect(&(LogitParams){.frequency_penalty = 0.5}, "333", "00135",
           (double[]){1, -1.5, 0, 0.5, 3, 2});
    expect(&(LogitParams){.presence_penalty = 0.25}, "4", "0001",
           (double[]){1.75, -1.25, 0, 1, 3, 2});
    expect(&(LogitParams){.presence_penalty = -1, .frequency_penalty = 1}, "", "000",
           (double[]){0, -1, 0, 1, 3, 2});
}

Test(stages, no_repeat_ngram)
{
    expect(&(LogitParams){.no_repeat_ngram = 1}, "01", "35", (double[]){NO, NO, 0, NO, 3, 2});
    expect(&(LogitParams){.no_repeat_ngram = 2}, "0120", "", (double[]){2, NO, 0, 1, 3, 2});
    expect(&(LogitParams){.no_repeat_ngram = 2}, "01", "2030", (double[]){2, NO, 0, NO, 3, 2});
    expect(&(LogitParams){.no_repeat_ngram = 3}, "0120", "1", (double[]){2, -1, NO, 1, 3, 2});
    expect(&(LogitParams){.no_repeat_ngram = 9}, "01", "2", (double[]){2, -1, 0, 1, 3, 2});
    expect(&(LogitParams){.no_repeat_ngram = 2}, "", "", (double[]){2, -1, 0, 1, 3, 2});
}

Test(stages, logit_bias)
{
    const LogitBias biases[] = {{0, -3.5}, {5, 100}, {4, -INFINITY}, {4, 7}};
    expect(&(LogitParams){.biases = biases, .bias_count = 4}, "", "",
           (double[]){-1.5, -1, 0, 1, NO, 102});
}

/* Bias, then penalties: a penalty sees the sign that the bias made; what is forbidden stays so. */
Test(stages, have_one_order)
{
    const LogitBias biases[] = {{0, -3}, {3, -INFINITY}};
    expect(&(LogitParams){.biases = biases,
                          .bias_count = 2,
                          .repetition_penalty = 2,
                          .presence_penalty = 10},
           "", "03", (double[]){-12, -1, 0, NO, 3, 2});
}

Test(stages, refuse_if_no_token_is_left)
{
    LogitBias biases[VOCAB];
    real out[VOCAB];
    const real logits[VOCAB] = {0}, bad[VOCAB] = {0, (real)NAN};
    for (int i = 0; i < VOCAB; i++) biases[i] = (LogitBias){i, -INFINITY};
    cr_expect_eq(apply(&(LogitParams){.biases = biases, .bias_count = VOCAB}, "", "", logits, out),
                 E_ARG);
    cr_expect(strstr(error_message(), "--logit-bias"), "%s", error_message());
    cr_expect_eq(
        apply(&(LogitParams){.biases = biases + END, .bias_count = 1, .no_repeat_ngram = 1},
              "01234", "", logits, out),
        E_ARG);
    cr_expect_eq(apply(&(LogitParams){.no_repeat_ngram = 1}, "", "", bad, out), E_NUMERIC);
}

Test(stages, biases_are_read)
{
    LogitBias b;
    cr_expect_eq(logit_bias_read("5=-3.5", VOCAB, &b), OK);
    cr_expect(b.token == 5 && b.value == -3.5);
    cr_expect_eq(logit_bias_read("0=-inf", VOCAB, &b), OK);
    cr_expect(b.token == 0 && isinf(b.value));
    static const char *const bad[] = {
        "6=1",   "-1=1",  "1",     "1=",     "=1",  "1=x", "1=2x",
        "1=inf", "1=nan", "1=1e7", "1=-1e7", "1:2", "",    "99999999999999999999=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(logit_bias_read(bad[i], VOCAB, &b), E_ARG, "%s", bad[i]);
}

/* The tokens that are sampled at all, as digits, and each one's probability. */
static const char *sampled(const SamplerParams *c, double probability[5])
{
    static char text[8];
    const real logits[5] = {(real)log(.5), (real)log(.25), (real)log(.15), (real)log(.06),
                            (real)log(.04)};
    Candidate scratch[5];
    bool seen[5] = {false};
    for (int i = 0; i < 1000; i++) {
        Sampled next;
        cr_assert_eq(sampler_choose(logits, 5, c, (i + .5) / 1000, scratch, &next), OK);
        seen[next.token] = true;
        probability[next.token] = next.probability;
    }
    char *at = text;
    for (int i = 0; i < 5; i++)
        if (seen[i]) *at++ = (char)('0' + i);
    *at = '\0';
    return text;
}

Test(limits, keep_what_they_should)
{
    double p[5];
    SamplerParams c = {.temperature = 1, .top_p = 1, .min_p = .3};
    cr_expect_str_eq(sampled(&c, p), "012");
    cr_expect_float_eq(p[0], .5 / .9, 1e-5);
    c.min_p = 1;
    cr_expect_str_eq(sampled(&c, p), "0");
    /* H = 1.27527, so the order is 1, 0, 2, 3, 4; the token that crosses the share stays. */
    c = (SamplerParams){.temperature = 1, .top_p = 1, .typical_p = .2};
    cr_expect_str_eq(sampled(&c, p), "1");
    c.typical_p = .3;
    cr_expect_str_eq(sampled(&c, p), "01");
    cr_expect_float_eq(p[1], 1 / 3.0, 1e-5);
    c.typical_p = .8;
    cr_expect_str_eq(sampled(&c, p), "012");
    c.typical_p = .95;
    cr_expect_str_eq(sampled(&c, p), "0123");
    c.typical_p = 1;
    cr_expect_str_eq(sampled(&c, p), "01234");
    cr_expect_float_eq(p[4], .04, 1e-5);
    /* Each limit sees what the one before left. */
    c = (SamplerParams){.temperature = 1, .top_k = 3, .top_p = .9, .min_p = .4};
    cr_expect_str_eq(sampled(&c, p), "01");
    c = (SamplerParams){.temperature = 1, .top_k = 1, .top_p = 1, .typical_p = .1};
    cr_expect_str_eq(sampled(&c, p), "0");
    /* Half the temperature squares the ratios: .25 is then a quarter of the largest. */
    c = (SamplerParams){.temperature = .5, .top_p = 1, .min_p = .3};
    cr_expect_str_eq(sampled(&c, p), "0");
    cr_expect_float_eq(p[0], 1, 1e-6);
}

/* A token that is forbidden is not sampled, whatever the limits. */
Test(limits, never_sample_what_is_forbidden)
{
    static const SamplerParams all[] = {{.temperature = 1, .top_p = 1},
                                        {.temperature = 100, .top_p = 1},
                                        {.temperature = 1, .top_k = 4, .top_p = 1},
                                        {.temperature = 1, .top_p = .9999},
                                        {.temperature = 1, .top_p = 1, .min_p = 1e-9},
                                        {.temperature = 1, .top_p = 1, .typical_p = .9999},
                                        {.top_p = 1}};
    const real logits[4] = {LOGIT_FORBIDDEN, -1, LOGIT_FORBIDDEN, -2};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (int i = 0; i <= 100; i++) {
            Candidate scratch[4];
            Sampled next;
            cr_assert_eq(sampler_choose(logits, 4, all + k, fmin(i / 100.0, 1 - 1e-16), scratch,
                                        &next),
                         OK);
            cr_expect(next.token % 2, "%zu: %g", k, i / 100.0);
        }
}

/* What is left of a text. */
static char *find_stop(const char *text, const char *const *stops, int64_t count)
{
    Arena a = {0};
    StopStrings strings;
    StopFinder f;
    static char out[64];
    char *to = out;
    cr_assert_eq(stop_strings_open(&strings, &a, stops, count), OK);
    cr_assert_eq(stop_finder_open(&f, &a, &strings), OK);
    for (; *text && !f.found; text++) {
        const int64_t settled = stop_finder_add(&f, *text);
        memcpy(to, f.held, (size_t)settled);
        to += settled;
        stop_finder_release(&f, settled);
    }
    if (!f.found) {
        memcpy(to, f.held, (size_t)f.held_count);
        to += f.held_count;
    }
    *to = '\0';
    arena_free(&a);
    return out;
}

/* By a search through the whole text: the stop string that is complete first, the longest of
 * them. */
static char *cut_at_stop(const char *text, const char *const *stops, int64_t count)
{
    static char out[64];
    const int64_t size = (int64_t)strlen(text);
    strcpy(out, text);
    for (int64_t end = 1; end <= size; end++) {
        int64_t longest = 0;
        for (int64_t i = 0; i < count; i++) {
            const int64_t own = (int64_t)strlen(stops[i]);
            if (own <= end && !memcmp(text + end - own, stops[i], (size_t)own) && own > longest)
                longest = own;
        }
        if (!longest) continue;
        out[end - longest] = '\0';
        break;
    }
    return out;
}

Test(stops, are_found_as_a_search_finds_them)
{
    static const char *const sets[][3] = {{"ab", "abc", "bcd"},
                                          {"abc", "bcd", "cdd"},
                                          {"aab", "aaa", "bba"},
                                          {"abab", "cc", "dadc"},
                                          {"abcabd", "d", "ddd"}};
    for (int set = 0; set < 5; set++)
        for (int n = 0; n < 20000; n++) {
            char text[10] = "";
            for (int i = 0, left = n * 13; i < 9; i++, left /= 4) text[i] = (char)('a' + left % 4);
            cr_assert_str_eq(find_stop(text, sets[set], 3), cut_at_stop(text, sets[set], 3),
                             "%d: %s", set, text);
        }
}

Test(stops, refuse_the_empty_string)
{
    Arena a = {0};
    StopStrings s;
    cr_expect_eq(stop_strings_open(&s, &a, (const char *const[]){"a", ""}, 2), E_ARG);
    arena_free(&a);
}

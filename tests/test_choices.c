/* Multiple choice: log-likelihoods, accuracies and their intervals. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/config/config.h"
#include "train/generate/choices.h"
#include "train/generate/log_prob.h"

enum { VOCAB = 257 };

typedef struct Model {
    Config config;
    Params params;
    Gpt gpt;
    Arena arena;
    Tokenizer *tokenizer;
} Model;

static void open_model(Model *m)
{
    static const char *const settings[] = {"model.layers=2", "model.heads=4", "model.width=32",
                                           "model.context=24"};
    *m = (Model){0};
    cr_assert_eq(config_load(&m->config, NULL, 4, settings), OK, "%s", error_message());
    gpt_init(&m->gpt, &m->params, &m->config.model, VOCAB, 1);
    cr_assert_eq(params_alloc(&m->params, false), OK);
    params_init(&m->params, 7);
    for (int64_t i = 0; i < m->params.count; i++) m->params.value[i] *= 5;
    cr_assert_eq(tokenizer_byte(&m->arena, &m->tokenizer), OK);
}

static void close_model(Model *m)
{
    params_free(&m->params);
    arena_free(&m->arena);
}

static Status judge(Model *m, const char *rows, int64_t streams, Choices *out)
{
    char path[] = "/tmp/capstan-choices-XXXXXX";
    const int fd = mkstemp(path);
    const PromptForm form = {0};
    Decoder d;
    cr_assert(fd >= 0 && write(fd, rows, strlen(rows)) == (ssize_t)strlen(rows));
    close(fd);
    cr_assert_eq(decoder_open(&d, &m->gpt, streams), OK);
    const Status status = choices_judge(&d, m->tokenizer, &form, path, NULL, out);
    decoder_close(&d);
    unlink(path);
    return status;
}

/* The sum of log-probabilities of a text after a context, read token by token. */
static double sum_of(Model *m, const char *context, const char *text)
{
    Decoder d;
    const real *logits;
    double sum = 0;
    int32_t token;
    cr_assert_eq(decoder_open(&d, &m->gpt, 1), OK);
    for (; *context; context++) {
        token = (unsigned char)*context;
        cr_assert_eq(decoder_read(&d, &token, 1, &logits), OK);
    }
    for (; *text; text++) {
        token = (unsigned char)*text;
        sum += (double)logits[token] - log_sum_exp(logits, VOCAB);
        cr_assert_eq(decoder_read(&d, &token, 1, &logits), OK);
    }
    decoder_close(&d);
    return sum;
}

/* The answers are those of sums computed one by one, whatever the number of streams; the longest
 * contexts lose their first tokens. */
Test(choices, are_judged_by_their_log_likelihoods)
{
    static const char *const choices[] = {"b", "cde", "\xC3\xA4\xC3\xB6", "fghij"};
    static const int letters[] = {1, 3, 2, 5};
    static const char *const contexts[] = {"a", "Question: x", "zzyyxxwwvvuuttssrrqqppoonnmmllkk"};
    static Model m;
    open_model(&m);
    for (int k = 0; k < 3; k++) {
        const char *context = contexts[k];
        int best = 0, best_norm = 0;
        double sums[4];
        if (strlen(context) > 20) context += strlen(context) - 20;
        for (int i = 0; i < 4; i++) {
            sums[i] = sum_of(&m, context, choices[i]);
            if (sums[i] > sums[best]) best = i;
            if (sums[i] / letters[i] > sums[best_norm] / letters[best_norm]) best_norm = i;
        }
        for (int answer = 0; answer < 4; answer++)
            for (int64_t streams = 1; streams <= 8; streams *= 2) {
                char row[256];
                Choices c;
                snprintf(row, sizeof row,
                         "{\"context\": \"%s\", \"choices\": [\"%s\", \"%s\", \"%s\", \"%s\"], "
                         "\"answer\": %d}\n\n",
                         contexts[k], choices[0], choices[1], choices[2], choices[3], answer);
                cr_assert_eq(judge(&m, row, streams, &c), OK, "%s", error_message());
                cr_expect_eq(c.questions, 1);
                cr_expect_eq(c.right, answer == best, "%d %d", k, answer);
                cr_expect_eq(c.right_norm, answer == best_norm, "%d %d", k, answer);
                cr_expect_float_eq(c.chance, .25, 1e-12);
            }
    }
    close_model(&m);
}

Test(choices, refuse_bad_rows)
{
    static const char *const bad[] = {
        "",
        "\n\n",
        "x",
        "[]",
        "{\"context\": \"a\", \"choices\": [\"b\"], \"answer\": 0}",
        "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 2}",
        "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": -1}",
        "{\"context\": \"a\", \"choices\": [\"b\", \"\"], \"answer\": 0}",
        "{\"context\": \"a\", \"choices\": [\"b\", 3], \"answer\": 0}",
        "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": \"0\"}",
        ("{\"context\": \"a\", \"choices\": [\"b\", \"ccccccccccccccccccccccccccccc\"], "
         "\"answer\": "
         "0}"),
        "{\"context\": \"a\", \"choices\": \"bc\", \"answer\": 0}",
        "{\"context\": \"a\\u0000\"}"};
    static Model m;
    open_model(&m);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Choices c;
        cr_expect_eq(judge(&m, bad[i], 4, &c), E_DATA, "%s", bad[i]);
    }
    close_model(&m);
}

/* Wilson's interval, by hand: 8 of 10 is [.4902, .9433]; none of 10 is [0, .2775]. */
Test(choices, intervals)
{
    double range[2];
    choices_interval(8, 10, range);
    cr_expect_float_eq(range[0], .4902, 1e-4);
    cr_expect_float_eq(range[1], .9433, 1e-4);
    choices_interval(0, 10, range);
    cr_expect_float_eq(range[0], 0, 1e-12);
    cr_expect_float_eq(range[1], .2775, 1e-4);
    choices_interval(10, 10, range);
    cr_expect_float_eq(range[1], 1, 1e-12);
}

/* Sampling: the cache changes no logits, a seed gives the same text, and text is valid UTF-8. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/text.h"
#include "autograd/base/threads.h"
#include "train/config/config.h"
#include "train/generate/sample.h"
#include "train/step/model.h"

enum { VOCAB = 257, CONTEXT = 44 };

typedef struct Model {
    Config config;
    Params params;
    Gpt gpt;
} Model;

/* A small model with numbers large enough that its logits differ. */
static void open_model(Model *m, int count, const char *const overrides[])
{
    const char *all[16] = {"model.layers=2", "model.heads=4", "model.width=32", "model.context=44"};
    for (int i = 0; i < count; i++) all[4 + i] = overrides[i];
    cr_assert_eq(config_load(&m->config, NULL, 4 + count, all), OK, "%s", error_message());
    gpt_init(&m->gpt, &m->params, &m->config.model, VOCAB, 1);
    cr_assert_eq(params_alloc(&m->params, false), OK, "%s", error_message());
    params_init(&m->params, 7);
    for (int64_t i = 0; i < m->params.count; i++) m->params.value[i] *= 5;
}

static void full_pass(const Model *m, Tape *t, const int32_t *tokens, int64_t count,
                      const real **logits)
{
    static int32_t places[CONTEXT];
    int32_t rows[2] = {0, (int32_t)count};
    for (int i = 0; i < CONTEXT; i++) places[i] = i;
    const GptInput in = {.rows = count,
                         .tokens = tokens,
                         .positions = places,
                         .attention = {.segments = 1, .queries = rows, .keys = rows}};
    tape_reset(t);
    const Tensor *next = gpt_next(&m->gpt, t, &in);
    cr_assert_eq(t->status, OK, "%s", error_message());
    *logits = next->data;
}

static void expect_close(const real *a, const real *b, const char *what, int64_t place)
{
    double worst = 0;
    for (int64_t i = 0; i < VOCAB; i++)
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]) / fmax(1, fabs((double)b[i])));
    /* Rounding and nothing else: float's differs between kinds of core, double's leaves no room. */
    cr_assert_lt(worst, sizeof(real) == sizeof(float) ? 1e-4 : 1e-12, "%s, token %lld: off by %g",
                 what, (long long)place, worst);
}

static const char *const kinds[][5] = {
    {"model.positions=learned"},
    {"model.positions=rope", "model.kv_heads=2"},
    {"model.positions=rope", "model.kv_heads=2", "model.head_width=12"},
    {"model.positions=rope", "model.rope_fraction=0.25", "model.block=parallel2",
     "model.mlp=gelu_exact"},
    {"model.positions=rope", "model.kv_heads=2", "model.qk_norm=true", "model.qk_norm_weight=true"},
    {"model.positions=rope", "model.rope_scaling=yarn", "model.rope_factor=4",
     "model.rope_beta_fast=4"},
    {"model.positions=sinusoidal", "model.kv_heads=1"},
    {"model.positions=alibi", "model.heads=8", "model.kv_heads=2"},
    {"model.positions=none", "model.norm_place=post"},
    {"model.positions=rope", "model.kv_heads=2", "model.windows=3,9/5,full"},
    {"model.positions=alibi", "model.windows=7", "model.score_softcap=2",
     "model.logit_softcap=0.05"},
    {"model.positions=rope", "model.windows=5", "model.sinks=3", "model.learned_sink=true"},
    {"model.positions=alibi", "model.windows=4,full", "model.sinks=4"},
    {"model.positions=rope", "model.qk_norm=true", "model.norm=rmsnorm", "model.mlp=swiglu"},
    {"model.positions=alibi", "model.qk_norm=true", "model.norm_place=sandwich",
     "model.tied=false"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

ParameterizedTestParameters(decode, equals_the_full_pass)
{
    static int which[2 * KINDS];
    for (int i = 0; i < 2 * KINDS; i++) which[i] = i;
    return cr_make_param_array(int, which, 2 * KINDS);
}

/* Reads a text at once, token by token, and in chunks; also past the end of the context. The second half of the
 * cases has weights in 8 bits. */
ParameterizedTest(int *which, decode, equals_the_full_pass)
{
    static Model m;
    Decoder d;
    Tape t = {0};
    int32_t tokens[CONTEXT + 5];
    const real *cached, *full;
    int count = 0;
    const char *const *kind = kinds[*which % KINDS];
    while (count < 4 && kind[count]) count++;
    open_model(&m, count, kind);
    if (*which >= KINDS) cr_assert_eq(model_round_q8(&m.gpt, &m.params), OK, "%s", error_message());
    for (int i = 0; i < CONTEXT + 5; i++) tokens[i] = (i * 37 + 11) % VOCAB;
    cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK, "%s", error_message());

    for (int64_t i = 0; i < CONTEXT; i++) {
        cr_assert_eq(decoder_read(&d, tokens + i, 1, &cached), OK, "%s", error_message());
        full_pass(&m, &t, tokens, i + 1, &full);
        expect_close(cached, full, "one by one", i);
    }
    /* Full: restarts from the last half. */
    for (int64_t i = CONTEXT; i < CONTEXT + 5; i++) {
        cr_assert_eq(decoder_read(&d, tokens + i, 1, &cached), OK, "%s", error_message());
        const int64_t from = CONTEXT / 2 + 1;
        full_pass(&m, &t, tokens + from, i + 1 - from, &full);
        expect_close(cached, full, "after the end", i);
    }
    decoder_restart(&d);
    cr_assert_eq(decoder_read(&d, tokens, 7, &cached), OK, "%s", error_message());
    cr_assert_eq(decoder_read(&d, tokens + 7, 9, &cached), OK, "%s", error_message());
    full_pass(&m, &t, tokens, 16, &full);
    expect_close(cached, full, "in pieces", 16);
    /* More than the context holds: its last part. */
    decoder_restart(&d);
    cr_assert_eq(decoder_read(&d, tokens, CONTEXT + 5, &cached), OK, "%s", error_message());
    full_pass(&m, &t, tokens + 5, CONTEXT, &full);
    expect_close(cached, full, "cut", 0);
    tape_free(&t);
    decoder_close(&d);
    params_free(&m.params);
}

/* A prompt that sees itself, then one token after the other: as the full pass under the
 * intervals of a prefix; and when the window is full, as the full pass over the last half. */
ParameterizedTestParameters(decode, prompt_sees_itself)
{
    static int which[KINDS];
    for (int i = 0; i < KINDS; i++) which[i] = i;
    return cr_make_param_array(int, which, KINDS);
}

static void prefix_pass(const Model *m, Tape *t, const int32_t *tokens, int32_t count,
                        int32_t prompt, const real **logits)
{
    static int32_t places[CONTEXT], first[CONTEXT], end[CONTEXT];
    const int32_t rows[2] = {0, count};
    for (int32_t i = 0; i < count; i++) {
        places[i] = i;
        end[i] = i < prompt ? prompt : i + 1;
    }
    const GptInput in = {.rows = count,
                         .tokens = tokens,
                         .positions = places,
                         .attention = {1, rows, rows, first, end, NULL}};
    tape_reset(t);
    const Tensor *next = gpt_next(&m->gpt, t, &in);
    cr_assert_eq(t->status, OK, "%s", error_message());
    *logits = next->data;
}

ParameterizedTest(int *which, decode, prompt_sees_itself)
{
    enum { COUNT = CONTEXT + 9 };
    static Model m;
    Decoder d;
    Tape full = {0}, causal = {0};
    const real *cached, *whole, *other;
    int32_t tokens[COUNT];
    int overrides = 0;
    while (overrides < 4 && kinds[*which][overrides]) overrides++;
    open_model(&m, overrides, kinds[*which]);
    for (int i = 0; i < COUNT; i++) tokens[i] = (i * 37 + 11) % VOCAB;
    cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK, "%s", error_message());
    for (int prompt = 1; prompt <= CONTEXT; prompt += 6) {
        cr_assert_eq(decoder_read_prompt(&d, tokens, prompt, &cached), OK);
        prefix_pass(&m, &full, tokens, prompt, prompt, &whole);
        expect_close(cached, whole, "prompt", prompt);
        full_pass(&m, &causal, tokens, prompt, &other);
        double moved = 0;
        for (int i = 0; i < VOCAB; i++) moved = fmax(moved, fabs((double)(whole[i] - other[i])));
        cr_assert(prompt == 1 ? moved < 1e-6 : moved > 1e-3, "%d: %g", prompt, moved);
        int begin = 0, left = prompt;
        for (int i = prompt; i < COUNT; i++) {
            cr_assert_eq(decoder_read(&d, tokens + i, 1, &cached), OK);
            if (i - begin == CONTEXT) { /* restarts from half */
                const int gone = CONTEXT - (CONTEXT / 2 - 1);
                begin += gone;
                left = left > gone ? left - gone : 0;
            }
            prefix_pass(&m, &full, tokens + begin, i + 1 - begin, left, &whole);
            expect_close(cached, whole, "after the prompt", i);
        }
    }
    /* longer than the window: its end */
    cr_assert_eq(decoder_read_prompt(&d, tokens, COUNT, &cached), OK);
    prefix_pass(&m, &full, tokens + 9, CONTEXT, CONTEXT, &whole);
    expect_close(cached, whole, "long prompt", 0);
    decoder_close(&d);
    tape_free(&full);
    tape_free(&causal);
    params_free(&m.params);
}

/* Streams with a common prompt (causal or bidirectional) and different continuations, past the
 * end of the context, end one after the other: each has the logits, to the last bit, that it has
 * alone. */
ParameterizedTestParameters(decode, streams_are_as_alone)
{
    static int which[3 * KINDS];
    for (int i = 0; i < 3 * KINDS; i++) which[i] = i;
    return cr_make_param_array(int, which, 3 * KINDS);
}

ParameterizedTest(int *which, decode, streams_are_as_alone)
{
    enum { STREAMS = 7, PROMPT = 5, STEPS = CONTEXT + 9 };
    static Model m;
    static real expected[STREAMS][STEPS][VOCAB];
    const char *const *kind = kinds[*which % KINDS];
    Decoder d;
    int32_t tokens[PROMPT];
    const real *logits;
    int overrides = 0;
    while (overrides < 4 && kind[overrides]) overrides++;
    open_model(&m, overrides, kind);
    if (*which >= 2 * KINDS)
        cr_assert_eq(model_round_q8(&m.gpt, &m.params), OK, "%s", error_message());
    for (int i = 0; i < PROMPT; i++) tokens[i] = (i * 31 + 7) % VOCAB;
    for (int count = 1; count <= STREAMS; count += STREAMS - 1) {
        cr_assert_eq(decoder_open(&d, &m.gpt, count), OK, "%s", error_message());
        for (int32_t k = 0; k < (count > 1 ? 1 : STREAMS); k++) {
            int32_t active[STREAMS], next[STREAMS];
            decoder_restart(&d);
            cr_assert_eq(*which < KINDS ? decoder_read(&d, tokens, PROMPT, &logits)
                                        : decoder_read_prompt(&d, tokens, PROMPT, &logits),
                         OK);
            decoder_split(&d, count);
            for (int i = 0; i < STEPS; i++) {
                int left = 0;
                for (int32_t stream = 0; stream < count; stream++) {
                    const int own = count > 1 ? stream : k;
                    if (count > 1 && own * 5 % STREAMS < i / 9 - 1) continue;
                    active[left] = stream;
                    next[left++] = (i * 37 + own * 11) % VOCAB;
                }
                cr_assert_eq(decoder_step(&d, active, next, left, &logits), OK, "%s",
                             error_message());
                for (int j = 0; j < left; j++) {
                    if (count == 1)
                        memcpy(expected[k][i], logits, sizeof expected[k][i]);
                    else
                        cr_assert_eq(memcmp(expected[active[j]][i], logits + j * VOCAB,
                                            sizeof expected[0][0]),
                                     0, "stream %d, step %d", active[j], i);
                }
            }
        }
        decoder_close(&d);
    }
    params_free(&m.params);
}

Test(decode, refuses_what_is_no_token)
{
    static Model m;
    Decoder d;
    const real *logits;
    open_model(&m, 0, NULL);
    cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK);
    cr_expect_eq(decoder_read(&d, &(int32_t){VOCAB}, 1, &logits), E_ARG);
    decoder_close(&d);
    params_free(&m.params);
}

static char *sample(Model *m, const Sampling *s, const char *prompt, int64_t number,
                    SampleResult *made)
{
    static Arena arena;
    Tokenizer *byte;
    Decoder d;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert_eq(tokenizer_byte(&arena, &byte), OK);
    cr_assert_eq(decoder_open(&d, &m->gpt, 1), OK);
    cr_assert_eq(sample_write(&d, byte, s, prompt, number, 1, &out, made), OK, "%s",
                 error_message());
    fclose(out);
    decoder_close(&d);
    for (size_t i = 0; i < size;) {
        int length = text_utf8_length((const unsigned char *)text + i, size - i);
        cr_assert_gt(length, 0, "not UTF-8 at byte %zu", i);
        i += (size_t)length;
    }
    return text;
}

Test(sample, is_a_function_of_seed_and_number)
{
    static Model m;
    SampleResult made;
    Sampling s = {.tokens = 60, .seed = 3, .sampler = {.temperature = 1, .top_p = 1}};
    open_model(&m, 0, NULL);
    char *first = sample(&m, &s, "ab", 0, &made), *again = sample(&m, &s, "ab", 0, NULL),
         *other = sample(&m, &s, "ab", 1, NULL);
    cr_expect_str_eq(first, again);
    cr_expect_str_neq(first, other);
    s.seed = 4;
    char *seeded = sample(&m, &s, "ab", 0, NULL);
    cr_expect_str_neq(first, seeded);
    cr_expect(made.tokens == 60 || made.ended);
    free(first), free(again), free(other), free(seeded);
    params_free(&m.params);
}

/* Many at once are what each is alone, whether they end or not. */
Test(sample, many_are_as_alone)
{
    enum { COUNT = 9 };
    static Model m;
    static Arena arena;
    Tokenizer *byte;
    Decoder d;
    FILE *out[COUNT];
    char *text[COUNT];
    size_t size[COUNT];
    SampleResult made[COUNT], alone;
    int ended = 0;
    const Sampling s = {.tokens = 60,
                        .seed = 3,
                        .with_prompt = true,
                        .sampler = {.temperature = 3, .top_p = 1}};
    open_model(&m, 0, NULL);
    cr_assert_eq(tokenizer_byte(&arena, &byte), OK);
    cr_assert_eq(decoder_open(&d, &m.gpt, COUNT), OK);
    for (int i = 0; i < COUNT; i++) out[i] = open_memstream(&text[i], &size[i]);
    cr_assert_eq(sample_write(&d, byte, &s, "ab", 100, COUNT, out, made), OK, "%s",
                 error_message());
    for (int i = 0; i < COUNT; i++) {
        fclose(out[i]);
        char *one = sample(&m, &s, "ab", 100 + i, &alone);
        cr_expect_str_eq(text[i], one, "%d", i);
        cr_expect_eq(made[i].tokens, alone.tokens);
        cr_expect_eq(made[i].ended, alone.ended);
        ended += alone.ended;
        free(one);
        free(text[i]);
    }
    cr_expect(ended > 0 && ended < COUNT, "%d ended: another seed, please", ended);
    decoder_close(&d);
    params_free(&m.params);
}

/* Wide enough that products and attention are shared by threads. */
Test(sample, is_the_same_from_any_number_of_threads)
{
    static Model m;
    const Sampling s = {.tokens = 30, .seed = 3, .sampler = {.temperature = 1, .top_p = 0.9}};
    char *first = NULL;
    open_model(&m, 1, (const char *const[]){"model.width=128"});
    for (int threads = 1; threads <= 4; threads++) {
        threads_set(threads);
        char *text = sample(&m, &s, "ab", 0, NULL);
        if (!first)
            first = text;
        else {
            cr_expect_str_eq(text, first, "%d threads", threads);
            free(text);
        }
    }
    free(first);
    params_free(&m.params);
}

/* In a document, end-of-text is read before the prompt; and the prompt sees itself if it was
 * trained so. */
Test(sample, begins_as_a_document_does)
{
    static Model m;
    static const int32_t tokens[] = {256, 'a', 'b'};
    DataConfig c = {.packing = PACKING_none,
                    .objective = OBJECTIVE_causal,
                    .prefix_attention = PREFIX_ATTENTION_bidirectional};
    open_model(&m, 0, NULL);
    for (int i = 0; i < 4; i++) {
        Sampling s = {.tokens = 1, .sampler = {.temperature = 0, .top_p = 1}};
        Decoder d;
        const real *logits;
        char expected[8] = "";
        if (i == 1) c.packing = PACKING_best_fit;
        if (i == 2) c.objective = OBJECTIVE_prefix;
        if (i == 3) c.prefix_attention = PREFIX_ATTENTION_causal;
        s.form = prompt_form(&c);
        cr_assert_eq(s.form.in_document, i > 0);
        cr_assert_eq(s.form.bidirectional, i == 2);
        cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK);
        if (i == 2)
            cr_assert_eq(decoder_read_prompt(&d, tokens, 3, &logits), OK);
        else
            cr_assert_eq(decoder_read(&d, i ? tokens : tokens + 1, i ? 3 : 2, &logits), OK);
        int best = 0;
        for (int k = 0; k < VOCAB; k++)
            if (logits[k] > logits[best]) best = k;
        if (best < 128) expected[0] = (char)best;
        if (best >= 128 && best < 256) strcpy(expected, "\xEF\xBF\xBD");
        char *made = sample(&m, &s, "ab", 0, NULL);
        cr_expect_str_eq(made, expected, "%d", i);
        free(made);
        decoder_close(&d);
    }
    params_free(&m.params);
}

Test(sample, greedy_needs_no_chance)
{
    static Model m;
    Sampling s = {.tokens = 40, .seed = 1, .sampler = {.top_p = 1}};
    open_model(&m, 0, NULL);
    char *first = sample(&m, &s, "Once", 0, NULL);
    s.seed = 2;
    char *other = sample(&m, &s, "Once", 9, NULL);
    /* So does keeping only the likeliest token, at any temperature. */
    s.sampler = (SamplerParams){.temperature = 2, .top_k = 1, .top_p = 1};
    char *kept = sample(&m, &s, "Once", 5, NULL);
    cr_expect_str_eq(first, other);
    cr_expect_str_eq(first, kept);
    free(first), free(other), free(kept);
    params_free(&m.params);
}

Test(sample, a_prompt_comes_back_whole)
{
    static Model m;
    const Sampling s = {.tokens = 1, .with_prompt = true, .sampler = {.top_p = 1}};
    open_model(&m, 0, NULL);
    /* Longer than the context, and with characters of every length. */
    const char *prompt = "a \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80 and on and on and on and on";
    char *text = sample(&m, &s, prompt, 0, NULL);
    cr_expect_eq(strncmp(text, prompt, strlen(prompt)), 0, "%s", text);
    free(text);
    /* What is not UTF-8 is shown as such. */
    text = sample(&m, &s, "x\xFFy\xE2z", 0, NULL);
    cr_expect_eq(strncmp(text, "x\xEF\xBF\xBDy\xEF\xBF\xBDz", 9), 0, "%s", text);
    free(text);
    params_free(&m.params);
}

Test(sample, stops_at_end_of_text)
{
    static Model m;
    SampleResult made;
    const Sampling s = {.tokens = 10, .sampler = {.top_p = 1}};
    open_model(&m, 1, (const char *const[]){"model.tied=false"});
    /* A head that says one thing: the sum of the last layer's numbers, for end-of-text alone. */
    memset(m.gpt.head->data, 0, (size_t)(VOCAB * 32) * sizeof(real));
    for (int i = 0; i < 32; i++) {
        m.gpt.norm.weight->data[i] = 0;
        m.gpt.norm.bias->data[i] = 1;
        m.gpt.head->data[256 * 32 + i] = 1;
    }
    char *text = sample(&m, &s, "abc", 0, &made);
    cr_expect_str_eq(text, "");
    cr_expect(made.ended);
    cr_expect_eq(made.tokens, 0);
    free(text);
    params_free(&m.params);
}

Test(sample, without_a_tokenizer_is_numbers)
{
    static Model m;
    Decoder d;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const Sampling s = {.tokens = 3, .with_prompt = true, .sampler = {.top_p = 1}};
    open_model(&m, 0, NULL);
    cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK);
    cr_assert_eq(sample_write(&d, NULL, &s, " 12  256", 0, 1, &out, NULL), OK, "%s",
                 error_message());
    fflush(out);
    int numbers[6], end = 0;
    cr_expect_eq(sscanf(text, "%d %d %d %d %d%n", &numbers[0], &numbers[1], &numbers[2],
                        &numbers[3], &numbers[4], &end),
                 5);
    cr_expect_eq(end, (int)size, "%s", text);
    cr_expect_eq(numbers[0], 12);
    cr_expect_eq(numbers[1], 256);
    cr_expect_eq(sample_write(&d, NULL, &s, "12 257", 0, 1, &out, NULL), E_ARG);
    cr_expect_eq(sample_write(&d, NULL, &s, "twelve", 0, 1, &out, NULL), E_ARG);
    fclose(out);
    free(text);
    decoder_close(&d);
    params_free(&m.params);
}

Test(sample, names_the_character_that_is_missing)
{
    static Model m;
    static Arena arena;
    Tokenizer *letters;
    Decoder d;
    const Sampling s = {.tokens = 3, .sampler = {.top_p = 1}};
    open_model(&m, 0, NULL);
    cr_assert_eq(tokenizer_char(&arena, (const uint32_t[]){'a', 'b'}, 2, &letters), OK);
    cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK);
    cr_expect_eq(sample_write(&d, letters, &s, "abz", 0, 1, &stdout, NULL), E_ARG);
    cr_expect_neq(strstr(error_message(), "prompt"), NULL, "%s", error_message());
    decoder_close(&d);
    params_free(&m.params);
}

/* Shares of what is drawn, for logits log 1, log 2, log 3, log 4. */
static void draw(const SamplerParams *c, double share[4])
{
    enum { DRAWS = 40000 };
    const real logits[4] = {0, (real)log(2), (real)log(3), (real)log(4)};
    const Rng rng = rng_stream(1, "test");
    Candidate scratch[4];
    memset(share, 0, 4 * sizeof *share);
    for (int i = 0; i < DRAWS; i++) {
        Sampled next;
        cr_assert_eq(sampler_choose(logits, 4, c, rng_uniform(rng, (uint64_t)i, 0), scratch, &next),
                     OK);
        share[next.token] += 1.0 / DRAWS;
    }
}

static void expect_shares(const SamplerParams *c, const double expected[4])
{
    double share[4];
    draw(c, share);
    for (int i = 0; i < 4; i++)
        if (expected[i] > 0)
            cr_expect_float_eq(share[i], expected[i], 0.01, "token %d", i);
        else
            cr_expect_eq(share[i], 0, "token %d", i);
}

Test(choose, draws_what_is_expected)
{
    expect_shares(&(SamplerParams){.temperature = 1, .top_p = 1}, (double[]){0.1, 0.2, 0.3, 0.4});
    /* Half the temperature squares the weights. */
    expect_shares(&(SamplerParams){.temperature = 0.5, .top_p = 1},
                  (double[]){1 / 30.0, 4 / 30.0, 9 / 30.0, 16 / 30.0});
    expect_shares(&(SamplerParams){.temperature = 1, .top_k = 2, .top_p = 1},
                  (double[]){0, 0, 3 / 7.0, 4 / 7.0});
    expect_shares(&(SamplerParams){.temperature = 1, .top_p = 0.65},
                  (double[]){0, 0, 3 / 7.0, 4 / 7.0});
    expect_shares(&(SamplerParams){.temperature = 1, .top_p = 0.75},
                  (double[]){0, 2 / 9.0, 3 / 9.0, 4 / 9.0});
    expect_shares(&(SamplerParams){.temperature = 1, .top_k = 3, .top_p = 0.01},
                  (double[]){0, 0, 0, 1});
    expect_shares(&(SamplerParams){.top_p = 1}, (double[]){0, 0, 0, 1});
}

static int likelier_first(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Many tokens, spread widely and hardly: each that is drawn is among the likeliest that a sort
 * finds, as often as it should be; and evenly spaced numbers reach the last of them. */
Test(choose, keeps_the_likeliest_of_many)
{
    enum { COUNT = 1000, DRAWS = 20000 };
    static const struct {
        double temperature;
        int64_t top_k;
        double top_p;
    } all[] = {{0.7, 0, 1},   {0.7, 40, 1},     {0.7, 0, 0.6}, {1.5, 0, 0.99},
               {1, 500, 0.5}, {1, COUNT, 0.75}, {2, 1, 1},     {1e-9, 0, 0.9}};
    static real logits[COUNT];
    static Candidate scratch[COUNT];
    static double sorted[COUNT], seen[COUNT];
    for (int n = 0; n < 2 * (int)(sizeof all / sizeof *all); n++) {
        const SamplerParams params = {.temperature = all[n / 2].temperature,
                                      .top_k = all[n / 2].top_k,
                                      .top_p = all[n / 2].top_p},
                            *c = &params;
        const double spread = n % 2 ? 4 : 0.01;
        double sum = 0, part = 0, shift = 0;
        int64_t kept = 0;
        for (int i = 0; i < COUNT; i++) {
            logits[i] = (real)(spread * rng_normal(rng_stream(1, "test"), (uint64_t)i, 1));
            sorted[i] = (double)logits[i];
            seen[i] = 0;
        }
        qsort(sorted, COUNT, sizeof *sorted, likelier_first);
        const int64_t most = c->top_k ? c->top_k : COUNT;
        for (int64_t i = 0; i < most; i++) sum += exp((sorted[i] - sorted[0]) / c->temperature);
        while (kept < most && (c->top_p == 1 || part < c->top_p * sum))
            part += exp((sorted[kept++] - sorted[0]) / c->temperature);
        for (int i = 0; i < DRAWS; i++) {
            Sampled next;
            cr_assert_eq(sampler_choose(logits, COUNT, c, (i + 0.5) / DRAWS, scratch, &next), OK);
            seen[next.token] += 1.0 / DRAWS;
        }
        for (int i = 0; i < COUNT; i++) {
            /* One more or less by rounding, where the share is cut. */
            const bool stays = (double)logits[i] >= sorted[kept - 1],
                       near = kept < COUNT && (double)logits[i] >= sorted[kept];
            if (!near && !stays) cr_assert_eq(seen[i], 0, "%d: token %d", n, i);
            if (stays)
                shift +=
                    fabs(seen[i] - exp(((double)logits[i] - sorted[0]) / c->temperature) / part);
        }
        cr_expect_lt(shift, 0.06, "%d: %g of %d", n, shift, (int)kept);
    }
}

Test(choose, refuses_what_is_no_number)
{
    const real logits[2] = {0, (real)NAN};
    Candidate scratch[2];
    Sampled next;
    cr_expect_eq(sampler_choose(logits, 2, &(SamplerParams){.top_p = 1}, 0, scratch, &next),
                 E_NUMERIC);
}

/* Stages that are on but change nothing, and a stop string that does not come, leave every bit. */
Test(sample, stages_without_effect_change_nothing)
{
    static Model m;
    const LogitBias nothing = {7, 0};
    Sampling s = {.tokens = 60, .seed = 3, .sampler = {.temperature = 1, .top_p = 0.9}};
    open_model(&m, 0, NULL);
    char *plain = sample(&m, &s, "ab", 0, NULL);
    s.logits = (LogitParams){.biases = &nothing, .bias_count = 1, .no_repeat_ngram = 1000};
    s.stops = (const char *const[]){"ab\xE2\x82\xAC\x01\x02\x03"};
    s.stop_count = 1;
    char *staged = sample(&m, &s, "ab", 0, NULL);
    cr_expect_str_eq(plain, staged);
    free(plain), free(staged);
    params_free(&m.params);
}

/* Many with penalties are what each is alone. */
Test(sample, stages_belong_to_a_stream)
{
    enum { COUNT = 5 };
    static Model m;
    static Arena arena;
    Tokenizer *byte;
    Decoder d;
    FILE *out[COUNT];
    char *text[COUNT];
    size_t size[COUNT];
    const Sampling s = {.tokens = 40,
                        .seed = 3,
                        .logits = {.repetition_penalty = 1.5,
                                   .frequency_penalty = 0.3,
                                   .no_repeat_ngram = 2},
                        .sampler = {.temperature = 1, .top_p = 1, .min_p = 0.01}};
    open_model(&m, 0, NULL);
    cr_assert_eq(tokenizer_byte(&arena, &byte), OK);
    cr_assert_eq(decoder_open(&d, &m.gpt, COUNT), OK);
    for (int i = 0; i < COUNT; i++) out[i] = open_memstream(&text[i], &size[i]);
    cr_assert_eq(sample_write(&d, byte, &s, "ab", 0, COUNT, out, NULL), OK, "%s", error_message());
    for (int i = 0; i < COUNT; i++) {
        fclose(out[i]);
        char *one = sample(&m, &s, "ab", i, NULL);
        cr_expect_str_eq(text[i], one, "%d", i);
        free(one);
        free(text[i]);
    }
    decoder_close(&d);
    params_free(&m.params);
}

/* The model's log-probabilities, against a full pass; and, greedy, those of what was sampled. */
Test(sample, log_probabilities_are_the_models)
{
    static Model m;
    static Arena kept;
    SampleResult made;
    Tape t = {0};
    int32_t tokens[CONTEXT] = {'a', 'b'};
    const LogitBias bias = {'x', -5};
    Sampling s = {.tokens = 12,
                  .seed = 5,
                  .logits = {.biases = &bias, .bias_count = 1, .repetition_penalty = 1.2},
                  .sampler = {.temperature = 0.7, .top_p = 0.8},
                  .log_probs = &kept,
                  .top = 3};
    open_model(&m, 0, NULL);
    free(sample(&m, &s, "ab", 0, &made));
    cr_assert_eq(made.log_probs.count, made.tokens + made.ended);
    for (int64_t i = 0; i < made.log_probs.count; i++) {
        const TokenLogProb *one = made.log_probs.all + i;
        const real *logits;
        full_pass(&m, &t, tokens, i + 2, &logits);
        const double sum = log_sum_exp(logits, VOCAB);
        cr_expect_float_eq(one->log_prob, (double)logits[one->token] - sum, 1e-4);
        int64_t better = 0;
        for (int k = 0; k < VOCAB; k++)
            better += (double)logits[k] - sum > one->top[2].log_prob + 1e-4;
        cr_expect_leq(better, 2);
        cr_expect(one->top[0].log_prob >= one->top[1].log_prob &&
                  one->top[1].log_prob >= one->top[2].log_prob);
        cr_expect(one->sampling <= 1e-6 && one->sampling > -20);
        tokens[i + 2] = one->token;
    }
    s.sampler.temperature = 0;
    s.logits = (LogitParams){0};
    free(sample(&m, &s, "ab", 0, &made));
    for (int64_t i = 0; i < made.log_probs.count; i++) {
        const TokenLogProb *one = made.log_probs.all + i;
        cr_expect_eq(one->sampling, 0);
        cr_expect_eq(one->top[0].token, one->token);
        cr_expect_eq(one->top[0].log_prob, one->log_prob);
    }
    tape_free(&t);
    arena_free(&kept);
    params_free(&m.params);
}

/* A stop string is cut from the text wherever it is, but not from the prompt; what was held back
 * comes at the end. */
Test(sample, stop_strings_end_a_text)
{
    static Model m;
    SampleResult made;
    Sampling s = {.tokens = 30, .with_prompt = true, .sampler = {.top_p = 1}};
    const LogitBias letters[] = {{'a', 1000}, {'b', 990}, {'c', 980}, {'d', 970}, {'e', 960}};
    open_model(&m, 0, NULL);
    /* No token twice: a, b, c, d, e, whatever the model. */
    s.logits = (LogitParams){.biases = letters, .bias_count = 5, .no_repeat_ngram = 1};
    s.tokens = 5;
    static const struct {
        const char *stops[2], *text;
        int64_t tokens;
    } cases[] = {{{"cd", "x"}, "<>ab", 4},    {{"a", "cd"}, "<>", 1},
                 {{"ef", "f"}, "<>abcde", 5}, {{">a", "<>"}, "<>abcde", 5},
                 {{"bcd", "cd"}, "<>a", 4},   {{"abcde", "e"}, "<>", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s.stops = cases[i].stops;
        s.stop_count = 2;
        char *text = sample(&m, &s, "<>", 0, &made);
        cr_expect_str_eq(text, cases[i].text, "%zu: %s", i, text);
        cr_expect_eq(made.tokens, cases[i].tokens, "%zu", i);
        cr_expect_eq(made.stopped, strcmp(cases[i].text, "<>abcde") != 0, "%zu", i);
        free(text);
    }
    params_free(&m.params);
}

Test(sample, refuses_stop_strings_that_cannot_be)
{
    static Model m;
    static Arena arena;
    Tokenizer *byte;
    Decoder d;
    Sampling s = {.tokens = 3,
                  .sampler = {.top_p = 1},
                  .stops = (const char *const[]){"a", ""},
                  .stop_count = 2};
    open_model(&m, 0, NULL);
    cr_assert_eq(tokenizer_byte(&arena, &byte), OK);
    cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK);
    cr_expect_eq(sample_write(&d, byte, &s, "", 0, 1, &stdout, NULL), E_ARG);
    cr_expect(strstr(error_message(), "empty"), "%s", error_message());
    s.stop_count = 1;
    cr_expect_eq(sample_write(&d, NULL, &s, "1 2", 0, 1, &stdout, NULL), E_ARG);
    cr_expect(strstr(error_message(), "tokenizer"), "%s", error_message());
    decoder_close(&d);
    params_free(&m.params);
}

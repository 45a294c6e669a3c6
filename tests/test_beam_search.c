/* Beam search: against brute force on small vocabularies, and greedy decoding. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "train/config/config.h"
#include "train/generate/beam_search.h"

enum { WIDTH = 32, LETTERS = 3, VOCAB = LETTERS + 1, LENGTH = 3, TEXTS = 64 };

typedef struct Model {
    Config config;
    Params params;
    Gpt gpt;
    Tokenizer *tokenizer;
    Arena arena;
} Model;

static void open_model(Model *m, int64_t vocab, int count, const char *const settings[])
{
    *m = (Model){0};
    cr_assert_eq(config_load(&m->config, NULL, count, settings), OK, "%s", error_message());
    gpt_init(&m->gpt, &m->params, &m->config.model, vocab, 1);
    cr_assert_eq(params_alloc(&m->params, false), OK);
}

static void close_model(Model *m)
{
    params_free(&m->params);
    arena_free(&m->arena);
}

/* A model whose next token depends on the last one alone: p[vocab][vocab], row by row; end-of-text
 * is the last, and begins a text. */
static void open_bigrams(Model *m, int vocab, const double *p)
{
    static const char *const settings[] = {"model.layers=1",     "model.heads=1",
                                           "model.width=32",     "model.context=16",
                                           "model.norm=rmsnorm", "model.positions=none",
                                           "model.tied=false",   "model.bias=false"};
    const double scale = 1 / sqrt(1.0 / WIDTH + 1e-5);
    uint32_t letters[8] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
    open_model(m, vocab, 8, settings);
    cr_assert_eq(tokenizer_char(&m->arena, letters, vocab - 1, &m->tokenizer), OK);
    memset(m->params.value, 0, (size_t)m->params.count * sizeof *m->params.value);
    for (int i = 0; i < WIDTH; i++) m->gpt.norm.weight->data[i] = 1;
    for (int i = 0; i < vocab; i++) {
        m->gpt.embed->data[i * WIDTH + i] = 1;
        for (int j = 0; j < vocab; j++)
            m->gpt.head->data[j * WIDTH + i] = (real)(log(p[i * vocab + j]) / scale);
    }
}

typedef struct Found {
    char *text[DECODER_STREAMS_MAX];
    BeamResult results[DECODER_STREAMS_MAX];
    int64_t count;
} Found;

static void find(Model *m, const Sampling *how, const BeamParams *p, const char *prompt, Found *f)
{
    Decoder d;
    FILE *out[DECODER_STREAMS_MAX];
    size_t size;
    cr_assert_eq(decoder_open(&d, &m->gpt, p->beams), OK);
    for (int64_t i = 0; i < p->beams; i++) out[i] = open_memstream(&f->text[i], &size);
    cr_assert_eq(beam_search(&d, m->tokenizer, how, p, prompt, out, f->results, &f->count), OK,
                 "%s", error_message());
    for (int64_t i = 0; i < p->beams; i++) fclose(out[i]);
    decoder_close(&d);
}

static void drop(Found *f, const BeamParams *p)
{
    for (int64_t i = 0; i < p->beams; i++) free(f->text[i]);
}

typedef struct Text {
    char letters[LENGTH + 1];
    double score;
} Text;

static int best_first(const void *a, const void *b)
{
    const double x = ((const Text *)a)->score, y = ((const Text *)b)->score;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* All texts that go on from `text`, which has this sum. */
static void list(const double *p, const BeamParams *b, const char *text, double sum, Text *all,
                 int *count)
{
    const int length = (int)strlen(text), last = length ? text[length - 1] - 'a' : LETTERS;
    Text *ended = all + (*count)++;
    strcpy(ended->letters, text);
    if (length == LENGTH) {
        ended->score = sum / length_penalty(b, length);
        return;
    }
    ended->score = (sum + log(p[last * VOCAB + LETTERS])) / length_penalty(b, length + 1);
    for (int j = 0; j < LETTERS; j++) {
        char longer[LENGTH + 2];
        snprintf(longer, sizeof longer, "%s%c", text, 'a' + j);
        list(p, b, longer, sum + log(p[last * VOCAB + j]), all, count);
    }
}

Test(beams, equal_brute_force)
{
    static const BeamParams all[] = {{27, 0, LENGTH_HUGGINGFACE},  {27, 1, LENGTH_HUGGINGFACE},
                                     {27, -1, LENGTH_HUGGINGFACE}, {27, .6, LENGTH_GNMT},
                                     {27, 3, LENGTH_GNMT},         {27, -2, LENGTH_GNMT}};
    static Model m;
    static const Sampling how = {.tokens = LENGTH};
    for (uint64_t seed = 0; seed < 20; seed++) {
        double p[VOCAB * VOCAB];
        for (int i = 0; i < VOCAB; i++) {
            double sum = 0;
            for (int j = 0; j < VOCAB; j++)
                sum += p[i * VOCAB + j] =
                    exp(2 * rng_normal(rng_stream(seed, "test"), (uint64_t)(i * VOCAB + j), 0));
            for (int j = 0; j < VOCAB; j++) p[i * VOCAB + j] /= sum;
        }
        open_bigrams(&m, VOCAB, p);
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            Text texts[TEXTS];
            Found f;
            int count = 0;
            list(p, all + k, "", 0, texts, &count);
            qsort(texts, (size_t)count, sizeof *texts, best_first);
            find(&m, &how, all + k, "", &f);
            cr_assert_eq(f.count, 27);
            for (int i = 0; i < f.count; i++) {
                cr_assert_float_eq(f.results[i].score, texts[i].score, 1e-5, "%d, %zu, %d: %s",
                                   (int)seed, k, i, texts[i].letters);
                if (i + 1 < count && texts[i].score - texts[i + 1].score > 1e-5 &&
                    (!i || texts[i - 1].score - texts[i].score > 1e-5))
                    cr_assert_str_eq(f.text[i], texts[i].letters);
            }
            drop(&f, all + k);
            /* The best text of fewer beams, if it has been found, has the same score; it is never
             * better. */
            const BeamParams few = {2, all[k].length_penalty, all[k].form};
            find(&m, &how, &few, "", &f);
            cr_assert_leq(f.results[0].score, texts[0].score + 1e-5);
            drop(&f, &few);
        }
        close_model(&m);
    }
}

/* P(a) .6, P(b) .4, P(c|a) .55, P(d|b) .95: greedy finds .33, two beams .38. */
Test(beams, look_further_than_greedy)
{
    enum { V = 5 };
    static Model m;
    static const double p[V * V] = {.1, .1, .55, .15, .1, .01, .01, .02, .95,  .01,  .2,   .2,  .2,
                                    .2, .2, .2,  .2,  .2, .2,  .6,  .4,  1e-9, 1e-9, 1e-9, 1e-9};
    static const Sampling how = {.tokens = 2};
    double rows[V * V];
    Found f;
    memcpy(rows, p, sizeof rows);
    rows[4 * V] = .6, rows[4 * V + 1] = .4,
             rows[4 * V + 2] = rows[4 * V + 3] = rows[4 * V + 4] = 1e-9;
    open_bigrams(&m, V, rows);
    find(&m, &how, &(BeamParams){.beams = 1}, "", &f);
    cr_expect_str_eq(f.text[0], "ac");
    cr_expect_float_eq(exp(f.results[0].score), .33, 1e-4);
    drop(&f, &(BeamParams){.beams = 1});
    find(&m, &how, &(BeamParams){.beams = 2}, "", &f);
    cr_expect_str_eq(f.text[0], "bd");
    cr_expect_float_eq(exp(f.results[0].score), .38, 1e-4);
    drop(&f, &(BeamParams){.beams = 2});
    close_model(&m);
}

/* -1.2 at 2 tokens, -2.4 at 6. */
Test(beams, length_penalties_are_the_known_ones)
{
    static const struct {
        BeamParams p;
        double short_score, long_score;
    } all[] = {{{1, 1, LENGTH_HUGGINGFACE}, -.6, -.4},
               {{1, .6, LENGTH_HUGGINGFACE}, -.7917, -.8191},
               {{1, .6, LENGTH_GNMT}, -1.0940, -1.6683},
               {{1, 0, LENGTH_GNMT}, -1.2, -2.4}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cr_expect_float_eq(-1.2 / length_penalty(&all[i].p, 2), all[i].short_score, 1e-4);
        cr_expect_float_eq(-2.4 / length_penalty(&all[i].p, 6), all[i].long_score, 1e-4);
    }
}

static void open_random(Model *m, const char *setting)
{
    const char *settings[] = {"model.layers=2", "model.heads=4", "model.width=32",
                              "model.context=24", setting};
    open_model(m, 257, 5, settings);
    cr_assert_eq(tokenizer_byte(&m->arena, &m->tokenizer), OK);
    params_init(&m->params, 7);
    for (int64_t i = 0; i < m->params.count; i++) m->params.value[i] *= 5;
}

/* Past the end of the context too, and whatever the penalty. */
Test(beams, one_is_greedy)
{
    static Model m;
    open_random(&m, "model.positions=rope");
    for (int k = 0; k < 10; k++) {
        const Sampling how = {.tokens = 60,
                              .logits = {.repetition_penalty = k % 2 ? 1.3 : 0},
                              .sampler = {.top_p = 1}};
        const BeamParams one = {.beams = 1, .length_penalty = k % 3};
        char prompt[3] = {(char)('a' + k), 'x', 0}, *text;
        size_t size;
        Decoder d;
        Found f;
        FILE *out = open_memstream(&text, &size);
        cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK);
        cr_assert_eq(sample_write(&d, m.tokenizer, &how, prompt, 0, 1, &out, NULL), OK);
        fclose(out);
        decoder_close(&d);
        find(&m, &how, &one, prompt, &f);
        cr_expect_str_eq(f.text[0], text);
        free(text);
        drop(&f, &one);
    }
    close_model(&m);
}

/* The sum of each beam is that of its text read alone, however often its stream was copied; a
 * window's ring too. */
Test(beams, keep_their_caches_apart)
{
    static const char *const settings[] = {"model.positions=rope", "model.windows=4",
                                           "model.positions=alibi"};
    for (int k = 0; k < 3; k++) {
        static Model m;
        Arena kept = {0};
        const Sampling how = {.tokens = 20, .log_probs = &kept};
        const BeamParams p = {.beams = 6};
        Decoder d;
        Found f;
        int distinct = 0;
        open_random(&m, settings[k]);
        find(&m, &how, &p, "ab", &f);
        cr_assert_eq(f.count, 6);
        cr_assert_eq(decoder_open(&d, &m.gpt, 1), OK);
        for (int64_t i = 0; i < f.count; i++) {
            const LogProbs *l = &f.results[i].sample.log_probs;
            const real *logits;
            double sum = 0;
            decoder_restart(&d);
            cr_assert_eq(decoder_read(&d, (const int32_t[]){'a', 'b'}, 2, &logits), OK);
            for (int64_t n = 0; n < l->count; n++) {
                sum += (double)logits[l->all[n].token] - log_sum_exp(logits, 257);
                cr_assert_eq(decoder_read(&d, &l->all[n].token, 1, &logits), OK);
            }
            cr_expect_float_eq(sum, f.results[i].score, 2e-3, "%s, beam %d", settings[k], (int)i);
            distinct += i && f.results[i].score != f.results[0].score;
        }
        cr_expect_eq(distinct, 5);
        decoder_close(&d);
        drop(&f, &p);
        arena_free(&kept);
        close_model(&m);
    }
}

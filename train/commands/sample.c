/* capstan sample: text from a checkpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "autograd/base/threads.h"
#include "train/commands/commands.h"
#include "train/generate/beam_search.h"
#include "train/generate/loaded_model.h"
#include "train/generate/sample.h"
#include "train/plan/plan.h"
#include "train/plan/warnings.h"
#include "train/support/clock.h"
#include "train/support/interrupt.h"
#include "train/support/json.h"

typedef struct Args {
    const char *checkpoint, *prompt, *regex, *weights;
    int64_t count;
    int64_t top; /* --logprobs; negative: not given */
    bool interactive, json;
    const char *biases[OPTION_VALUES_MAX], *stops[OPTION_VALUES_MAX];
    int bias_count, stop_count;
    Sampling sampling;
    BeamParams beams; /* beams 0: sample */
} Args;

/* Some of the samples, made side by side: text [count] is what comes of each, the first one's as
 * it comes to `live` instead if that is not NULL. */
typedef struct Group {
    int64_t first, count;
    FILE *live, *out[DECODER_STREAMS_MAX];
    char *text[DECODER_STREAMS_MAX];
    size_t size[DECODER_STREAMS_MAX];
    SampleResult made[DECODER_STREAMS_MAX];
} Group;

static Status group_write(Group *g, const Args *w, const LoadedModel *t, Decoder *d)
{
    Status status = OK;
    int64_t open = 0;
    for (; open < g->count && status == OK; open++) {
        g->text[open] = NULL;
        g->out[open] = open || !g->live ? open_memstream(&g->text[open], &g->size[open]) : g->live;
        if (!g->out[open]) {
            status = FAIL(E_NOMEM, "sample");
            break;
        }
    }
    if (status == OK)
        status = sample_write(d, t->tokenizer, &w->sampling, w->prompt, g->first, g->count, g->out,
                              g->made);
    while (open--)
        if (g->out[open] != g->live && !text_close(g->out[open], &g->text[open]) && status == OK)
            status = FAIL(E_NOMEM, "sample");
    return status;
}

static void group_free(Group *g)
{
    for (int64_t i = 0; i < g->count; i++) {
        free(g->text[i]);
        g->text[i] = NULL;
    }
}

/* What has been made is printed even if something failed: a user may have had enough. */
static Status print_group(const Args *w, const LoadedModel *t, Decoder *d, Group *g)
{
    g->live = stdout;
    if (g->first) printf("---------------\n");
    const Status status = group_write(g, w, t, d);
    for (int64_t i = 1; i < g->count && g->text[i]; i++) {
        printf("\n---------------\n");
        text_show(stdout, g->text[i], g->size[i]);
    }
    if (status == OK) printf("\n");
    return status;
}

static json_t *json_log_probs(const LogProbs *l, int64_t top_count)
{
    json_t *list = json_array();
    for (int64_t i = 0; list && i < l->count; i++) {
        const TokenLogProb *one = l->all + i;
        json_t *top = json_array();
        for (int64_t k = 0; top && k < top_count; k++)
            json_array_append_new(top, json_pack("[I, f]", (json_int_t)one->top[k].token,
                                                 one->top[k].log_prob));
        json_array_append_new(list, json_pack("{s:I, s:f, s:f, s:o}", "id", (json_int_t)one->token,
                                              "logprob", one->log_prob, "sampling_logprob",
                                              one->sampling, "top", top));
    }
    return list;
}

static json_t *json_sample(const Args *w, const char *text, size_t size, const SampleResult *made)
{
    double sum = 0;
    for (int64_t i = 0; i < made->log_probs.count; i++) sum += made->log_probs.all[i].log_prob;
    json_t *all = json_pack("{s:o, s:I, s:b, s:s, s:f}", "text", json_stringn(text, size), "tokens",
                            (json_int_t)made->tokens, "end_of_text", (int)made->ended, "finish",
                            made->ended || made->stopped ? "stop" : "length", "logprob", sum);
    if (all && w->top >= 0)
        json_object_set_new(all, "logprobs", json_log_probs(&made->log_probs, w->top));
    return all;
}

static Status append_group(const Args *w, const LoadedModel *t, Decoder *d, Group *g, json_t *list)
{
    TRY(group_write(g, w, t, d));
    for (int64_t i = 0; i < g->count; i++)
        json_array_append_new(list, json_sample(w, g->text[i], g->size[i], g->made + i));
    return OK;
}

/* To the list, or, if there is none, to standard output. */
static Status write_all(const Args *w, const LoadedModel *t, Decoder *d, json_t *list)
{
    Status status = OK;
    for (int64_t i = 0; i < w->count && status == OK; i += d->cache.streams) {
        const int64_t left = w->count - i;
        Group g = {.first = i, .count = left < d->cache.streams ? left : d->cache.streams};
        status = list ? append_group(w, t, d, &g, list) : print_group(w, t, d, &g);
        group_free(&g);
    }
    return status;
}

static Status print_json_of(const Args *w, const LoadedModel *t, json_t *list, double begin)
{
    return json_print(json_pack("{s:o, s:o, s:I, s:o}", "samples", list, "prompt",
                                json_text(w->prompt), "step", (json_int_t)t->checkpoint.info.step,
                                "seconds", json_number(clock_seconds() - begin)));
}

static Status print_json(const Args *w, const LoadedModel *t, Decoder *d)
{
    const double begin = clock_seconds();
    json_t *list = json_array();
    const Status status = write_all(w, t, d, list);
    if (status != OK) {
        json_decref(list);
        return status;
    }
    return print_json_of(w, t, list, begin);
}

/* The best text, or, as JSON, all of them. */
static Status show_beams(const Args *w, const LoadedModel *t, const Group *g,
                         const BeamResult *results, int64_t made, double begin)
{
    if (!w->json) {
        if (made) text_show(stdout, g->text[0], g->size[0]);
        putchar('\n');
        return OK;
    }
    json_t *list = json_array();
    for (int64_t i = 0; list && i < made; i++) {
        json_t *one = json_sample(w, g->text[i], g->size[i], &results[i].sample);
        if (one) json_object_set_new(one, "score", json_number(results[i].score));
        json_array_append_new(list, one);
    }
    return print_json_of(w, t, list, begin);
}

static Status search_beams(const Args *w, const LoadedModel *t, Decoder *d)
{
    const double begin = clock_seconds();
    BeamResult results[DECODER_STREAMS_MAX];
    Group g = {.count = w->beams.beams};
    int64_t made = 0, open = 0;
    Status status = OK;
    for (; open < g.count && status == OK; open++) {
        g.out[open] = open_memstream(&g.text[open], &g.size[open]);
        if (!g.out[open]) {
            status = FAIL(E_NOMEM, "sample");
            break;
        }
    }
    if (status == OK)
        status =
            beam_search(d, t->tokenizer, &w->sampling, &w->beams, w->prompt, g.out, results, &made);
    while (open--)
        if (!text_close(g.out[open], &g.text[open]) && status == OK)
            status = FAIL(E_NOMEM, "sample");
    if (status == OK) status = show_beams(w, t, &g, results, made, begin);
    group_free(&g);
    return status;
}

/* One prompt per line; a line that cannot be tokenized is reported, and the next one is read. */
static Status answer_lines(const Args *w, const LoadedModel *t, Decoder *d)
{
    const bool is_terminal = isatty(STDIN_FILENO);
    char *line = NULL;
    size_t room = 0;
    Status status = OK;
    for (int64_t i = 0; status == OK; i++) {
        if (is_terminal) printf("> ");
        fflush(stdout);
        ssize_t length = getline(&line, &room, stdin);
        if (length < 0) break;
        if (length && line[length - 1] == '\n') line[length - 1] = '\0';
        status = sample_write(d, t->tokenizer, &w->sampling, line, i, 1, &stdout, NULL);
        if (status == E_ARG) {
            fprintf(stderr, "capstan: %s\n", error_message());
            status = OK;
        } else
            printf("\n");
    }
    free(line);
    if (status == OK && *w->sampling.stop) status = FAIL(E_INTERRUPTED, "sample");
    return status;
}

/* How many samples are made side by side: what they remember is to be a part of the memory only. */
static int64_t streams(const Args *w, const LoadedModel *t)
{
    const GptConfig *c = t->model.config;
    const int64_t size = cache_count(c, c->context) * (int64_t)sizeof(real),
                  most = plan_memory() / 4 / size;
    int64_t count = w->count < DECODER_STREAMS_MAX ? w->count : DECODER_STREAMS_MAX;
    if (count > most) count = most;
    return count < 1 ? 1 : count;
}

static void warn(const Args *w, const LoadedModel *t)
{
    const SamplerParams *p = &w->sampling.sampler;
    SampleFacts f = {.is_untrained = checkpoint_is_untrained(&t->checkpoint.info) &&
                                     !*t->config->train.init_from,
                     .vocab_size = t->model.vocab_size,
                     .context = t->model.config->context,
                     .count = w->count,
                     .temperature = p->temperature,
                     .top_p = p->top_p,
                     .top_k = p->top_k};
    if (prompt_length(t->tokenizer, f.vocab_size, w->prompt, &f.prompt_tokens) == OK)
        warnings_print(warnings_of_sample, &f);
}

static Status open_regex(Args *w, const LoadedModel *t, Arena *a)
{
    RegexTokens *r = arena_take(a, sizeof *r);
    if (!w->regex) return OK;
    if (!r) return FAIL(E_NOMEM, "--regex");
    w->sampling.logits.regex = r;
    return regex_tokens_open(r, a, w->regex, t->tokenizer, t->model.vocab_size, w->sampling.tokens);
}

/* Checks what depends on the model. a: for what the arguments become, and for results. */
static Status fit_model(Args *w, const LoadedModel *t, Arena *a)
{
    const int64_t vocab_size = t->model.vocab_size;
    LogitParams *p = &w->sampling.logits;
    LogitBias *biases = arena_take(a, (w->bias_count + 1) * (int64_t)sizeof *biases);
    if (!biases) return FAIL(E_NOMEM, "sample");
    for (int i = 0; i < w->bias_count; i++)
        TRY(logit_bias_read(w->biases[i], vocab_size, biases + i));
    p->biases = biases;
    p->bias_count = w->bias_count;
    w->sampling.stops = w->stops;
    w->sampling.stop_count = w->stop_count;
    if (w->top > vocab_size)
        return FAIL(E_ARG, "--logprobs %lld: the vocabulary has %lld tokens", (long long)w->top,
                    (long long)vocab_size);
    TRY(open_regex(w, t, a));
    if (w->beams.beams > vocab_size)
        return FAIL(E_ARG, "--beams %lld: the vocabulary has %lld tokens",
                    (long long)w->beams.beams, (long long)vocab_size);
    if (w->json) w->sampling.log_probs = a;
    w->sampling.top = w->top > 0 ? w->top : 0;
    return OK;
}

static Status sample(const Args *w, const LoadedModel *t)
{
    Decoder d;
    const int64_t count = w->beams.beams ? w->beams.beams : streams(w, t);
    Status status = decoder_open(&d, &t->model, count);
    if (status == OK)
        status = w->beams.beams   ? search_beams(w, t, &d)
                 : w->interactive ? answer_lines(w, t, &d)
                 : w->json        ? print_json(w, t, &d)
                                  : write_all(w, t, &d, NULL);
    decoder_close(&d);
    return status;
}

/* Beam search takes the best texts, so what is random about sampling has no meaning there. */
static Status check_beams(Args *w, const char *form)
{
    const SamplerParams *p = &w->sampling.sampler;
    if (strcmp(form, "huggingface") && strcmp(form, "gnmt"))
        return FAIL(E_ARG, "--length-penalty-form %s: expected huggingface or gnmt", form);
    w->beams.form = strcmp(form, "gnmt") ? LENGTH_HUGGINGFACE : LENGTH_GNMT;
    if (!w->beams.beams && w->beams.length_penalty != 0)
        return FAIL(E_ARG, "--length-penalty needs --beams");
    if (w->beams.beams && (p->temperature > 0 || p->top_k || p->top_p < 1 || p->min_p > 0 ||
                           p->typical_p > 0 || w->count != 1 || w->interactive))
        return FAIL(E_ARG, "--beams goes with none of --temperature, --top-k, --top-p, --min-p, "
                           "--typical-p, --count and --interactive");
    return OK;
}

Status command_sample(const Command *self, int argc, char *argv[])
{
    Args w = {.prompt = "",
              .weights = "trained",
              .count = 1,
              .top = -1,
              .sampling = {.tokens = 500,
                           .with_prompt = true,
                           .seed = 1,
                           .sampler = {.temperature = -1, .top_p = 1}}};
    int64_t seed = 1, threads = 0;
    const char *form = "huggingface";
    bool helped;
    int count;
    enum { SETTINGS = 64 };
    const char *settings[SETTINGS];
    SamplerParams *sampler = &w.sampling.sampler;
    LogitParams *logits = &w.sampling.logits;
    const Option options[] = {
        OPTION_USAGE("[model.key=value ...]"),
        OPTION_PATH("--checkpoint", &w.checkpoint, "F.h5|RUN",
                    "checkpoint to sample from; of a run's folder, its best.h5 or latest.h5",
                    .required = IN_EVERY_USAGE),
        OPTION_TEXT("--prompt", &w.prompt, "TEXT",
                    "text to continue (default: none, the start of a document)"),
        OPTION_INT("--tokens", &w.sampling.tokens, "N", 1, 1e12,
                   "most tokens to generate, unless end-of-text comes first (default: 500)"),
        OPTION_REAL("--temperature", &w.sampling.sampler.temperature, "T", 0, 100,
                    "sampling temperature; 0: greedy, always the most likely token (default: 0.8)"),
        OPTION_INT("--top-k", &w.sampling.sampler.top_k, "K", 0, 1e9,
                   "sample from the K most likely tokens; 0: from all (default)"),
        OPTION_REAL(
            "--top-p", &w.sampling.sampler.top_p, "P", 1e-9, 1,
            "nucleus sampling: from the most likely tokens with total probability P (default: 1)"),
        OPTION_REAL("--min-p", &sampler->min_p, "P", 0, 1,
                    "from tokens at least P times as likely as the most likely one; 0: from all "
                    "(default)"),
        OPTION_REAL("--typical-p", &sampler->typical_p, "P", 1e-9, 1,
                    "locally typical sampling: from the tokens whose information is closest to the "
                    "entropy, with total probability P; 1: from all (default)"),
        OPTION_REAL("--repetition-penalty", &logits->repetition_penalty, "R", 1e-3, 1e3,
                    "divide the positive logits of tokens in prompt and text by R and multiply the "
                    "negative ones; 1: off (default)"),
        OPTION_REAL("--presence-penalty", &logits->presence_penalty, "X", -1e3, 1e3,
                    "subtract X from the logits of tokens in the new text (default: 0)"),
        OPTION_REAL("--frequency-penalty", &logits->frequency_penalty, "X", -1e3, 1e3,
                    "subtract X for each time that a token is in the new text (default: 0)"),
        OPTION_INT("--no-repeat-ngram", &logits->no_repeat_ngram, "N", 0, 1e9,
                   "never write N tokens that are in prompt and text already; 0: off (default)"),
        OPTION_TEXTS("--logit-bias", w.biases, &w.bias_count, "ID=VALUE",
                     "add VALUE to the logit of a token; -inf: never this token"),
        OPTION_TEXTS("--stop", w.stops, &w.stop_count, "STRING",
                     "end a text where it would contain STRING; the prompt is not searched"),
        OPTION_INT("--beams", &w.beams.beams, "N", 1, DECODER_STREAMS_MAX,
                   "beam search with N beams: the best text it finds; with --json the N best"),
        OPTION_REAL("--length-penalty", &w.beams.length_penalty, "A", -100, 100,
                    "beams: score = log-probability / length^A; above 0 favours long texts "
                    "(default: 0)"),
        OPTION_TEXT("--length-penalty-form", &form, "huggingface|gnmt",
                    "beams: divide by length^A (default), or by ((5 + length) / 6)^A"),
        OPTION_TEXT("--regex", &w.regex, "PATTERN",
                    "the whole new text matches this regular expression"),
        OPTION_INT("--logprobs", &w.top, "N", 0, 1e9,
                   "with --json: the log-probability of each token, and the N most likely ones"),
        OPTION_INT("--seed", &seed, "S", 0, 9e18,
                   "random seed; the same seed gives the same text (default: 1)"),
        OPTION_INT("--count", &w.count, "N", 1, 1e9, "number of samples (default: 1)"),
        OPTION_FLAG("--interactive", &w.interactive,
                    "read prompts from standard input, one per line, and continue each"),
        OPTION_WEIGHTS(&w.weights),
        OPTION_THREADS(&threads),
        OPTION_JSON(&w.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, settings, SETTINGS, &count, &helped));
    if (helped) return OK;
    if (!w.checkpoint) return FAIL(E_ARG, "capstan sample needs --checkpoint F");
    if (w.top >= 0 && !w.json) return FAIL(E_ARG, "--logprobs needs --json");
    if (w.interactive && (w.json || *w.prompt || w.count != 1))
        return FAIL(E_ARG, "--interactive goes with none of --prompt, --count and --json");
    TRY(check_beams(&w, form));
    if (sampler->temperature < 0) sampler->temperature = w.beams.beams ? 0 : 0.8;
    if (w.regex && w.stop_count)
        return FAIL(E_ARG, "--regex goes without --stop: the whole text must match");
    threads_set((int)threads);
    w.sampling.seed = (uint64_t)seed;

    LoadedModel t;
    char found[CHECKPOINT_PATH_MAX];
    TRY(options_find_checkpoint(&w.checkpoint, found));
    Arena arena = {0};
    Status status = loaded_model_open(&t, w.checkpoint, argv, count, settings);
    w.sampling.stop = interrupt_watch(NULL, false);
    if (status == OK) status = loaded_model_set_weights(&t, w.weights);
    if (status == OK) status = fit_model(&w, &t, &arena);
    if (status == OK) {
        w.sampling.form = prompt_form(&t.config->data);
        warn(&w, &t);
        status = sample(&w, &t);
    }
    loaded_model_close(&t);
    arena_free(&arena);
    return status;
}

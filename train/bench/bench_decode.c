#include "train/bench/bench_decode.h"

#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "layers/cost.h"
#include "train/bench/machine.h"
#include "train/generate/decoder.h"
#include "train/generate/sampler.h"
#include "train/plan/plan.h"
#include "train/plan/probe.h"
#include "train/step/model.h"
#include "train/support/clock.h"
#include "train/support/quantile.h"

enum { REPEATS_MAX = 100, STREAMS = 16, TOKENS = 128 };

typedef struct Sampler {
    Arena arena;
    Params params;
    Gpt model;
    Decoder decoder;
    Candidate *scratch;
    int32_t *prompt; /* [context] */
    Rng rng;
} Sampler;

/* Mean size of the KV cache, in numbers, while `tokens` tokens are read one by one. */
static double mean_cache(const GptConfig *c, int64_t tokens)
{
    double sum = 0;
    for (int64_t i = 1; i <= tokens; i++) sum += (double)cache_count(c, i);
    return sum / (double)tokens;
}

static Status sampler_open(Sampler *s, const Config *c, int64_t vocab_size, bool q8)
{
    const int64_t context = c->model.context;
    const int64_t most =
        plan_memory() / 8 / (cache_count(&c->model, context) * (int64_t)sizeof(real));
    *s = (Sampler){.rng = rng_stream((uint64_t)c->train.seed, "bench")};
    TRY(model_open(&s->model, &s->params, c, vocab_size, false));
    params_init(&s->params, (uint64_t)c->train.seed);
    if (q8) TRY(model_round_q8(&s->model, &s->params));
    TRY(decoder_open(&s->decoder, &s->model, most < 1 ? 1 : most < STREAMS ? most : STREAMS));
    s->scratch = arena_take(&s->arena, vocab_size * (int64_t)sizeof *s->scratch);
    s->prompt = arena_take(&s->arena, context * (int64_t)sizeof *s->prompt);
    if (!s->scratch || !s->prompt) return FAIL(E_NOMEM, "%lld tokens", (long long)context);
    for (int64_t i = 0; i < context; i++)
        s->prompt[i] = (int32_t)(rng_uniform(s->rng, (uint64_t)i, 0) * (double)vocab_size);
    return OK;
}

static void sampler_close(Sampler *s)
{
    decoder_close(&s->decoder);
    params_free(&s->params);
    arena_free(&s->arena);
}

/* Seconds that `steps` tokens of each stream take. The streams begin with the same token, which is
 * not timed. */
static Status write_tokens(Sampler *s, int64_t streams, int64_t steps, double *seconds)
{
    static const SamplerParams params = {.temperature = 0.8, .top_p = 1};
    const int64_t vocab_size = s->model.vocab_size;
    int32_t all[STREAMS], tokens[STREAMS];
    const real *logits;
    decoder_restart(&s->decoder);
    TRY(decoder_read(&s->decoder, s->prompt, 1, &logits));
    decoder_split(&s->decoder, streams);
    for (int64_t k = 0; k < streams; k++) all[k] = (int32_t)k;
    for (int64_t k = 0; k < streams; k++) tokens[k] = s->prompt[k % s->decoder.cache.capacity];
    const double begin = clock_seconds();
    for (int64_t i = 0; i < steps; i++) {
        TRY(decoder_step(&s->decoder, all, tokens, streams, &logits));
        for (int64_t k = 0; k < streams; k++) {
            Sampled next;
            TRY(sampler_choose(logits + k * vocab_size, vocab_size, &params,
                               rng_uniform(s->rng, (uint64_t)i, (uint64_t)k), s->scratch, &next));
            tokens[k] = next.token;
        }
    }
    *seconds = clock_seconds() - begin;
    return OK;
}

static Status read_prompt(Sampler *s, int64_t count, double *seconds)
{
    const real *logits;
    const double begin = clock_seconds();
    decoder_restart(&s->decoder);
    TRY(decoder_read(&s->decoder, s->prompt, count, &logits));
    *seconds = clock_seconds() - begin;
    return OK;
}

/* Streams at which a step takes twice as long as the part of it that they share, if each adds the same time: step
 * is the seconds of one with 1 and with `streams` of them. 0: too few streams, or none took longer. */
static double balance(double alone, double together, int64_t streams)
{
    const double each = streams > 1 ? (together - alone) / (double)(streams - 1) : 0;
    return each > 0 && alone > each ? (alone - each) / each : 0;
}

static Status measure(Sampler *s, const BenchOptions *o, BenchDecode *out)
{
    double one[REPEATS_MAX], many[REPEATS_MAX], prompt[REPEATS_MAX], memory[REPEATS_MAX],
        fma[REPEATS_MAX];
    INVARIANT(o->repeats > 0 && o->repeats <= REPEATS_MAX);
    const int64_t few = out->tokens < 4 ? out->tokens : 4;
    TRY(write_tokens(s, 1, few, one));
    TRY(write_tokens(s, out->streams, few, many));
    TRY(read_prompt(s, out->prompt, prompt));
    for (int64_t i = 0; i < o->repeats; i++) {
        TRY(machine_read(threads_count(), (int64_t)out->bytes, &memory[i]));
        fma[i] = machine_fma(threads_count());
        TRY(write_tokens(s, 1, out->tokens, &one[i]));
        TRY(write_tokens(s, out->streams, out->tokens, &many[i]));
        TRY(read_prompt(s, out->prompt, &prompt[i]));
    }
    const double tokens = (double)out->tokens;
    out->one = tokens / median(one, o->repeats);
    out->many = tokens * (double)out->streams / median(many, o->repeats);
    out->prompt_rate = (double)out->prompt / median(prompt, o->repeats);
    out->memory = median(memory, o->repeats);
    out->memory_seconds = out->bytes / out->memory;
    out->balance = out->weight_bytes / out->memory / (out->work / median(fma, o->repeats));
    out->balance_measured = balance(1 / out->one, (double)out->streams / out->many, out->streams);
    return OK;
}

/* FLOPs of reading a whole context; the output layer sees its last row alone, which is left out. */
static Status prompt_cost(const Gpt *g, double *flops)
{
    Arena arena = {0};
    Cost cost = {0};
    GptInput in;
    const int32_t *targets;
    Status status = cost_windows(g, 1, COST_CAUSAL, &arena, &in, &targets);
    int32_t *none = status == OK ? arena_take(&arena, in.rows * (int64_t)sizeof *none) : NULL;
    if (status == OK && !none) status = FAIL(E_NOMEM, "a prompt");
    for (int64_t i = 0; none && i < in.rows; i++) none[i] = -1;
    if (status == OK) status = cost_forward(g, &in, none, &cost);
    arena_free(&arena);
    *flops = cost.weights + cost.scores;
    return status;
}

/* Of a weight as products read it. */
static double number_bytes(const Config *c, bool q8)
{
    if (q8) return (double)sizeof(Q8Block) / (Q8_LENGTH * Q8_PANEL);
    return config_bf16(c) ? sizeof(bf16) : sizeof(real);
}

Status bench_decode_run(const Config *c, int64_t vocab_size, const BenchOptions *o,
                        BenchDecode *out)
{
    Sampler s;
    Account account;
    double flops = 0;
    const int64_t context = c->model.context, wanted = o->steps ? o->steps : TOKENS;
    *out = (BenchDecode){.tokens = wanted < context ? wanted : context - 1, .prompt = context};
    if (out->tokens < 1) out->tokens = 1;
    Status status = sampler_open(&s, c, vocab_size, o->q8);
    if (status == OK) status = account_params(&s.model, &s.params, &account);
    if (status == OK) status = prompt_cost(&s.model, &flops);
    if (status == OK) {
        /* Lookup tables are left out: a token reads one row of them. */
        const double weights = (double)(account.params - account.params_lookup);
        out->streams = s.decoder.cache.streams;
        out->weight_bytes = number_bytes(c, o->q8) * weights;
        out->work = 2 * weights;
        out->bytes = out->weight_bytes + sizeof(real) * mean_cache(&c->model, out->tokens);
        status = measure(&s, o, out);
        out->prompt_work = flops / (double)context * out->prompt_rate;
    }
    sampler_close(&s);
    return status;
}

void bench_decode_print(const char *name, const BenchDecode *d)
{
    printf("%-6s one stream %8.1f tokens/s: %.1f MB per token, %.3f of the memory's rate (%.1f "
           "GB/s)\n",
           name, d->one, 1e-6 * d->bytes, d->memory_seconds * d->one, 1e-9 * d->memory);
    printf("       %2lld streams %8.1f tokens/s: %.1f times one stream\n", (long long)d->streams,
           d->many, d->many / d->one);
    printf("       reading and computing balance at %.1f streams by formula", d->balance);
    if (d->balance_measured > 0) printf(", %.1f as measured", d->balance_measured);
    printf("\n       prompt     %8.1f tokens/s of %lld: %.1f GFLOP/s\n", d->prompt_rate,
           (long long)d->prompt, 1e-9 * d->prompt_work);
    fflush(stdout);
}

json_t *bench_decode_json(const char *name, const BenchDecode *d)
{
    return json_pack("{s:s, s:I, s:f, s:I, s:f, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "name",
                     name, "tokens", (json_int_t)d->tokens, "tokens_per_second", d->one, "streams",
                     (json_int_t)d->streams, "streams_tokens_per_second", d->many, "prompt_tokens",
                     (json_int_t)d->prompt, "prompt_tokens_per_second", d->prompt_rate,
                     "prompt_gflops", 1e-9 * d->prompt_work, "megabytes_per_token", 1e-6 * d->bytes,
                     "read_gigabytes_per_second", 1e-9 * d->memory, "fraction_of_reading",
                     d->memory_seconds * d->one, "balance_streams", d->balance,
                     "balance_streams_measured", d->balance_measured);
}

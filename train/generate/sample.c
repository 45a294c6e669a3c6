#include "train/generate/sample.h"

#include "autograd/base/rng.h"
#include "train/generate/prompt.h"
#include "train/generate/text_writer.h"

/* One of the samples that are generated together. */
typedef struct Stream {
    TextWriter writer;
    TokenHistory history; /* only if a logit stage is on */
    int64_t number;
    SampleResult result;
} Stream;

typedef struct Streams {
    Decoder *decoder;
    const Tokenizer *tokenizer;
    const Sampling *how;
    Arena *arena;
    StopStrings stops;
    Stream *all;
    int64_t count;
    Candidate *scratch;
    real *changed; /* [vocab_size]: logits after the stages; NULL: none is on */
    int32_t *active,
        *tokens; /* [active_count]: streams that have not ended, the next token of each */
    int64_t active_count;
} Streams;

static int32_t end_of_text(const Streams *s)
{
    return s->tokenizer ? tokenizer_end_of_text(s->tokenizer) : -1;
}

/* Writes the prompt, and enters it in the streams' histories. */
static Status begin_streams(Streams *s, const int32_t *tokens, int64_t count)
{
    for (int64_t k = 0; k < s->count; k++) {
        Stream *one = s->all + k;
        if (s->changed)
            TRY(token_history_open(&one->history, s->arena, s->decoder->model->vocab_size,
                                   end_of_text(s), tokens, count));
        one->history.left = s->how->tokens;
        for (int64_t i = 0; s->how->with_prompt && i < count; i++)
            text_writer_prompt(&one->writer, tokens[i]);
        if (count) one->writer.drops_blank = false;
        TRY(text_writer_flush(&one->writer));
    }
    return OK;
}

/* Reads the prompt, once for all streams. */
static Status read_prompt(Streams *s, const char *text, const real **logits)
{
    Prompt p;
    TRY(prompt_open(&p, s->arena, s->tokenizer, s->decoder->model->vocab_size, text));
    TRY(begin_streams(s, p.tokens, p.count));
    s->decoder->text_length = p.count + s->how->tokens;
    TRY(prompt_read(&p, s->decoder, &s->how->form, logits));
    decoder_split(s->decoder, s->count);
    return OK;
}

/* Samples a stream's next token from its logits. */
static Status sample_next(Streams *s, Stream *one, const real *logits, double uniform,
                          int32_t *token)
{
    const int64_t vocab_size = s->decoder->model->vocab_size;
    const Sampling *how = s->how;
    Sampled next;
    if (s->changed) TRY(logit_stages_apply(&how->logits, &one->history, logits, s->changed));
    TRY(sampler_choose(s->changed ? s->changed : logits, vocab_size, &how->sampler, uniform,
                       s->scratch, &next));
    if (s->changed) TRY(logit_stages_add(&how->logits, &one->history, next.token));
    if (how->log_probs)
        TRY(log_probs_add(&one->result.log_probs, how->log_probs, logits, vocab_size, how->top,
                          next.token, next.probability));
    *token = next.token;
    return OK;
}

/* Samples and writes token i of each active stream. logits: [rows, vocab_size]; rows is 1 after
 * the prompt, which all streams share. Streams that end are no longer active. */
static Status write_next(Streams *s, const real *logits, int64_t rows, int64_t i)
{
    const int64_t vocab_size = s->decoder->model->vocab_size, before = s->active_count;
    const Rng rng = rng_stream(s->how->seed, "sample");
    s->active_count = 0;
    for (int64_t k = 0; k < before; k++) {
        Stream *one = s->all + s->active[k];
        int32_t token = 0;
        TRY(sample_next(s, one, logits + (rows > 1 ? k : 0) * vocab_size,
                        rng_uniform(rng, (uint64_t)i, (uint64_t)one->number), &token));
        one->result.ended = token == end_of_text(s);
        if (one->result.ended) continue;
        one->result.tokens++;
        TRY(text_writer_add(&one->writer, token, &one->result.stopped));
        if (one->result.stopped) continue;
        s->active[s->active_count] = s->active[k];
        s->tokens[s->active_count++] = token;
    }
    return OK;
}

static Status take_scratch(Streams *s)
{
    const int64_t index = s->count * (int64_t)sizeof(int32_t),
                  vocab_size = s->decoder->model->vocab_size;
    const bool has_stages = logit_stages_are_on(&s->how->logits);
    s->scratch = arena_take(s->arena, vocab_size * (int64_t)sizeof *s->scratch);
    s->active = arena_take(s->arena, index);
    s->tokens = arena_take(s->arena, index);
    if (has_stages) s->changed = arena_take(s->arena, vocab_size * (int64_t)sizeof *s->changed);
    if (!s->scratch || !s->active || !s->tokens || (has_stages && !s->changed))
        return FAIL(E_NOMEM, "sample");
    return OK;
}

static Status write_samples(Streams *s, const char *prompt)
{
    const real *logits;
    TRY(take_scratch(s));
    while (s->active_count < s->count) {
        s->active[s->active_count] = (int32_t)s->active_count;
        s->active_count++;
    }
    TRY(read_prompt(s, prompt, &logits));
    for (int64_t i = 0, rows = 1; i < s->how->tokens; i++) {
        TRY(write_next(s, logits, rows, i));
        if (!s->active_count) break;
        if (s->how->stop && *s->how->stop) return FAIL(E_INTERRUPTED, "sample");
        if (i + 1 == s->how->tokens) break;
        TRY(decoder_step(s->decoder, s->active, s->tokens, s->active_count, &logits));
        rows = s->active_count;
    }
    return OK;
}

/* first: the number of the first stream. */
static Status open_streams(Streams *s, int64_t first, FILE *const out[])
{
    const Sampling *how = s->how;
    s->all = arena_zero(s->arena, s->count * (int64_t)sizeof *s->all);
    if (!s->all) return FAIL(E_NOMEM, "sample");
    if (how->stop_count && !s->tokenizer)
        return FAIL(E_ARG, "a stop string needs a model with a tokenizer; this one writes numbers");
    TRY(stop_strings_open(&s->stops, s->arena, how->stops, how->stop_count));
    for (int64_t i = 0; i < s->count; i++) {
        s->all[i].number = first + i;
        TRY(text_writer_open(&s->all[i].writer, s->arena, s->tokenizer, &s->stops, out[i]));
    }
    return OK;
}

/* Writes what the streams held back. */
static Status end_streams(Streams *s, Status status)
{
    for (int64_t i = 0; i < s->count; i++) {
        text_writer_end(&s->all[i].writer);
        if (status == OK) status = text_writer_flush(&s->all[i].writer);
    }
    return status;
}

Status sample_write(Decoder *d, const Tokenizer *t, const Sampling *s, const char *prompt,
                    int64_t first, int64_t count, FILE *const out[], SampleResult results[])
{
    Arena a = {0};
    Streams all = {.decoder = d, .tokenizer = t, .how = s, .arena = &a, .count = count};
    INVARIANT(count >= 1 && count <= d->cache.streams);
    Status status = open_streams(&all, first, out);
    if (status == OK) status = end_streams(&all, write_samples(&all, prompt));
    for (int64_t i = 0; results && i < count; i++)
        results[i] = all.all ? all.all[i].result : (SampleResult){0};
    arena_free(&a);
    return status;
}

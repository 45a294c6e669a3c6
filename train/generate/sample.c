#include "train/generate/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/text.h"

/* Turns the tokens of one sample into text. */
typedef struct Writer {
    const Tokenizer *tokenizer;
    FILE *out;
    unsigned char held[4]; /* bytes of an incomplete character */
    int count;
    bool begun;
} Writer;

static void write_held(Writer *w, bool last)
{
    while (w->count) {
        int length = text_utf8_length(w->held, (size_t)w->count);
        if (!length && !last) return;
        if (length > 0)
            text_show(w->out, (const char *)w->held, (size_t)length);
        else {
            fputs("\xEF\xBF\xBD", w->out);
            length = length ? 1 : w->count;
        }
        w->count -= length;
        memmove(w->held, w->held + length, (size_t)w->count);
    }
}

static void write_token(Writer *w, int32_t token)
{
    if (w->tokenizer) {
        int64_t size;
        const char *bytes = tokenizer_bytes(w->tokenizer, token, &size);
        for (int64_t i = 0; i < size; i++) {
            w->held[w->count++] = (unsigned char)bytes[i];
            write_held(w, false);
        }
    } else
        fprintf(w->out, w->begun ? " %d" : "%d", (int)token);
    w->begun = true;
}

static Status flush(const Writer *w)
{
    if (fflush(w->out) || ferror(w->out)) return FAIL(E_IO, "sample: %s", strerror(errno));
    return OK;
}

/* "12 7 9" */
static Status read_numbers(const char *text, int64_t vocab_size, int32_t *out, int64_t *count)
{
    for (const char *at = text; at += strspn(at, " \t\r\n"), *at;) {
        char *end;
        long token = strtol(at, &end, 10);
        if (end == at || token < 0 || token >= vocab_size)
            return FAIL(E_ARG,
                        "prompt \"%s\": this model has no tokenizer; expected token numbers from 0 "
                        "to %lld, separated by spaces",
                        text, (long long)vocab_size - 1);
        out[(*count)++] = (int32_t)token;
        at = end;
    }
    return OK;
}

static Status encode(const Tokenizer *t, const char *prompt, int64_t vocab_size, int32_t *out,
                     int64_t *count)
{
    const int64_t size = (int64_t)strlen(prompt);
    *count = 0;
    if (!t) TRY(read_numbers(prompt, vocab_size, out, count));
    const int64_t room = t ? tokenizer_room(t, size) : 0;
    if (t && size && tokenizer_encode(t, prompt, size, out, room, count) != OK) {
        char why[512];
        snprintf(why, sizeof why, "%s", error_message());
        return FAIL(E_ARG, "cannot encode the prompt: %s", why);
    }
    return OK;
}

/* One of the samples that are generated together. */
typedef struct Stream {
    Writer writer;
    int64_t number;
    SampleResult result;
} Stream;

typedef struct Streams {
    Decoder *decoder;
    const Sampling *how;
    Stream *all;
    int64_t count;
    Candidate *scratch;
    int32_t *active,
        *tokens; /* [active_count]: streams that have not ended, the next token of each */
    int64_t active_count;
} Streams;

static int64_t prompt_room(const Tokenizer *t, const char *prompt)
{
    const int64_t size = (int64_t)strlen(prompt);
    return t ? tokenizer_room(t, size) : size;
}

Status sample_prompt_length(const Tokenizer *t, int64_t vocab_size, const char *prompt,
                            int64_t *count)
{
    int32_t *tokens = malloc((size_t)(prompt_room(t, prompt) + 1) * sizeof *tokens);
    const Status status =
        tokens ? encode(t, prompt, vocab_size, tokens, count) : FAIL(E_NOMEM, "a prompt");
    free(tokens);
    return status;
}

/* Reads the prompt, once for all streams. */
static Status read_prompt(Streams *s, const char *prompt, Arena *a, const real **logits)
{
    const Tokenizer *t = s->all->writer.tokenizer;
    const int64_t room = prompt_room(t, prompt) + 1;
    int32_t *tokens = arena_take(a, room * (int64_t)sizeof *tokens), *read = tokens;
    int64_t count;

    if (!tokens) return FAIL(E_NOMEM, "sample");
    tokens[0] = t ? tokenizer_begin_of_text(t) : 0;
    TRY(encode(t, prompt, s->decoder->model->vocab_size, tokens + 1, &count));
    for (int64_t k = 0; k < s->count; k++) {
        for (int64_t i = 1; s->how->with_prompt && i <= count; i++)
            write_token(&s->all[k].writer, tokens[i]);
        TRY(flush(&s->all[k].writer));
    }
    if (s->how->in_document || !count)
        count++;
    else
        read++;
    decoder_restart(s->decoder);
    TRY(s->how->bidirectional_prompt ? decoder_read_prompt(s->decoder, read, count, logits)
                                     : decoder_read(s->decoder, read, count, logits));
    decoder_split(s->decoder, s->count);
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
        const Tokenizer *t = one->writer.tokenizer;
        int32_t token;
        TRY(sampler_choose(logits + (rows > 1 ? k : 0) * vocab_size, vocab_size, &s->how->sampler,
                           rng_uniform(rng, (uint64_t)i, (uint64_t)one->number), s->scratch,
                           &token));
        one->result.ended = token == (t ? tokenizer_end_of_text(t) : -1);
        if (one->result.ended) continue;
        one->result.tokens++;
        write_token(&one->writer, token);
        TRY(flush(&one->writer));
        s->active[s->active_count] = s->active[k];
        s->tokens[s->active_count++] = token;
    }
    return OK;
}

static Status write_samples(Streams *s, const char *prompt, Arena *a)
{
    const int64_t index = s->count * (int64_t)sizeof(int32_t);
    const real *logits;
    s->scratch = arena_take(a, s->decoder->model->vocab_size * (int64_t)sizeof *s->scratch);
    s->active = arena_take(a, index);
    s->tokens = arena_take(a, index);
    if (!s->scratch || !s->active || !s->tokens) return FAIL(E_NOMEM, "sample");
    while (s->active_count < s->count) {
        s->active[s->active_count] = (int32_t)s->active_count;
        s->active_count++;
    }
    TRY(read_prompt(s, prompt, a, &logits));
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

void sampling_as_trained(Sampling *s, const DataConfig *c)
{
    s->in_document = packer_of(c->packing) != NULL;
    s->bidirectional_prompt =
        c->objective == OBJECTIVE_prefix && c->prefix_attention == PREFIX_ATTENTION_bidirectional;
}

Status sample_write(Decoder *d, const Tokenizer *t, const Sampling *s, const char *prompt,
                    int64_t first, int64_t count, FILE *const out[], SampleResult results[])
{
    Arena a = {0};
    Streams all = {.decoder = d,
                   .how = s,
                   .all = arena_zero(&a, count * (int64_t)sizeof *all.all),
                   .count = count};
    INVARIANT(count >= 1 && count <= d->cache.streams);
    if (!all.all) return FAIL(E_NOMEM, "sample");
    for (int64_t i = 0; i < count; i++)
        all.all[i] = (Stream){.writer = {.tokenizer = t, .out = out[i]}, .number = first + i};
    Status status = write_samples(&all, prompt, &a);
    for (int64_t i = 0; i < count; i++) {
        if (results) results[i] = all.all[i].result;
        write_held(&all.all[i].writer, true);
        if (status == OK) status = flush(&all.all[i].writer);
    }
    arena_free(&a);
    return status;
}

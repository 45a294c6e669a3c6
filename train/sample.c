#include "train/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/text.h"

/* Where tokens become text. */
typedef struct Writer {
    const Tokenizer *tokenizer;
    FILE *out;
    unsigned char held[4]; /* the beginning of a character */
    int count;
    bool begun;
} Writer;

static void write_held(Writer *w, bool last)
{
    while (w->count) {
        int length = text_utf8_length(w->held, (size_t)w->count);
        if (!length && !last) return;
        if (length > 0)
            fwrite(w->held, 1, (size_t)length, w->out);
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

static Status written(const Writer *w)
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
                        "prompt \"%s\": this model has no tokenizer; expected numbers of tokens, 0 "
                        "to %lld, with spaces between",
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
    if (t && size && tokenizer_encode(t, prompt, size, out, size, count) != OK) {
        char why[512];
        snprintf(why, sizeof why, "%s", error_message());
        return FAIL(E_ARG, "the prompt cannot be read: %s", why);
    }
    return OK;
}

static Status write_sample(Decoder *d, const Sampling *s, const char *prompt, int64_t number,
                           Arena *a, Writer *w, SampleResult *result)
{
    const int64_t vocab_size = d->model->vocab_size, size = (int64_t)strlen(prompt);
    const int32_t end = w->tokenizer ? tokenizer_end_of_text(w->tokenizer) : -1;
    const Rng rng = rng_stream(s->seed, "sample");
    int32_t *tokens = arena_take(a, (size + 1) * (int64_t)sizeof *tokens), *read = tokens, token;
    Candidate *scratch = arena_take(a, vocab_size * (int64_t)sizeof *scratch);
    const real *logits;
    int64_t count;

    if (!tokens || !scratch) return FAIL(E_NOMEM, "sample");
    tokens[0] = end < 0 ? 0 : end;
    TRY(encode(w->tokenizer, prompt, vocab_size, tokens + 1, &count));
    for (int64_t i = 1; s->with_prompt && i <= count; i++) write_token(w, tokens[i]);
    TRY(written(w));
    if (s->in_document || !count)
        count++;
    else
        read++;
    decoder_restart(d);
    TRY(s->prompt_both_ways ? decoder_read_prompt(d, read, count, &logits)
                            : decoder_read(d, read, count, &logits));
    for (int64_t i = 0; i < s->tokens; i++) {
        TRY(choose_token(logits, vocab_size, &s->choosing,
                         rng_uniform(rng, (uint64_t)i, (uint64_t)number), scratch, &token));
        result->ended = token == end;
        if (result->ended) break;
        result->tokens++;
        write_token(w, token);
        TRY(written(w));
        if (s->stop && *s->stop) return FAIL(E_INTERRUPTED, "sample");
        if (i + 1 < s->tokens) TRY(decoder_read(d, &token, 1, &logits));
    }
    return OK;
}

void sampling_as_trained(Sampling *s, const DataConfig *c)
{
    s->in_document = strcmp(c->packing, "none") && strcmp(c->packing, "concat");
    s->prompt_both_ways =
        !strcmp(c->objective, "prefix") && !strcmp(c->prefix_attention, "bidirectional");
}

Status sample_write(Decoder *d, const Tokenizer *t, const Sampling *s, const char *prompt,
                    int64_t number, FILE *out, SampleResult *result)
{
    Arena a = {0};
    Writer w = {.tokenizer = t, .out = out};
    SampleResult here = {0};
    Status status = write_sample(d, s, prompt, number, &a, &w, &here);
    arena_free(&a);
    if (result) *result = here;
    write_held(&w, true);
    return status == OK ? written(&w) : status;
}

#include "train/generate/choices.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/generate/log_prob.h"

typedef struct Choice {
    const char *text;
    int32_t *tokens;
    int64_t count;
    double sum; /* of log-probabilities */
} Choice;

typedef struct Judge {
    Decoder *decoder;
    const Tokenizer *tokenizer;
    const PromptForm *form;
    const char *path;
    long long line;
    Arena arena; /* of one question */
} Judge;

/* E_DATA with the line. */
#define LINE_FAIL(j, ...) \
    (snprintf(why, sizeof why, __VA_ARGS__), FAIL(E_DATA, "%s:%lld: %s", (j)->path, (j)->line, why))
static _Thread_local char why[600];

static Status encode(Judge *j, const char *text, bool continues, Choice *out)
{
    const int64_t size = (int64_t)strlen(text), vocab_size = j->decoder->model->vocab_size;
    const TextPlace place = {.name = "choices", .continues = continues};
    if (!j->tokenizer) {
        Prompt p;
        TRY(prompt_open(&p, &j->arena, NULL, vocab_size, text));
        *out = (Choice){text, p.tokens, p.count, 0};
        return OK;
    }
    const int64_t room = tokenizer_room(j->tokenizer, size);
    *out = (Choice){text, arena_take(&j->arena, (room + 1) * (int64_t)sizeof(int32_t)), 0, 0};
    if (!out->tokens) return FAIL(E_NOMEM, "a choice");
    return tokenizer_encode_at(j->tokenizer, &place, text, size, out->tokens, room, &out->count);
}

/* An error of a text becomes one of its line. */
static Status in_line(Judge *j, Status status)
{
    char message[512];
    if (status != E_ARG && status != E_DATA) return status;
    snprintf(message, sizeof message, "%s", error_message());
    return LINE_FAIL(j, "%s", message);
}

/* Leaves out the first tokens of the context that leave no room for the longest choice. */
static Status fit(Judge *j, Prompt *context, const Choice *choices, int64_t count)
{
    const int64_t capacity = j->decoder->cache.capacity;
    int64_t longest = 0;
    for (int64_t i = 0; i < count; i++)
        if (choices[i].count > longest) longest = choices[i].count;
    const bool begins = j->form->in_document || !context->count;
    const int64_t over = context->count + begins + longest - 1 - capacity;
    if (longest > capacity)
        return LINE_FAIL(j, "a choice has %lld tokens, more than model.context = %lld",
                         (long long)longest, (long long)capacity);
    if (over > 0) {
        context->tokens += over;
        context->count -= over;
    }
    j->decoder->text_length = context->count + begins + longest;
    return OK;
}

/* The log-likelihoods of up to as many choices as the decoder has streams. */
static Status score(Judge *j, const Prompt *context, Choice *choices, int64_t count)
{
    Decoder *d = j->decoder;
    const int64_t vocab_size = d->model->vocab_size;
    int32_t streams[DECODER_STREAMS_MAX], tokens[DECODER_STREAMS_MAX];
    const real *logits;
    TRY(prompt_read(context, d, j->form, &logits));
    const double log_sum = log_sum_exp(logits, vocab_size);
    for (int64_t i = 0; i < count; i++)
        choices[i].sum = (double)logits[choices[i].tokens[0]] - log_sum;
    decoder_split(d, count);
    for (int64_t n = 1;; n++) {
        int64_t active = 0;
        for (int64_t i = 0; i < count; i++) {
            if (choices[i].count <= n) continue;
            streams[active] = (int32_t)i;
            tokens[active++] = choices[i].tokens[n - 1];
        }
        if (!active) return OK;
        TRY(decoder_step(d, streams, tokens, active, &logits));
        for (int64_t k = 0; k < active; k++) {
            Choice *one = choices + streams[k];
            const real *x = logits + k * vocab_size;
            one->sum += (double)x[one->tokens[n]] - log_sum_exp(x, vocab_size);
        }
    }
}

static int64_t characters(const char *text)
{
    int64_t count = 0;
    for (; *text; text++) count += (*text & 0xC0) != 0x80;
    return count;
}

static void count_answer(const Choice *choices, int64_t count, int64_t answer, Choices *out)
{
    int64_t best = 0, best_norm = 0;
    for (int64_t i = 1; i < count; i++) {
        const double norm = choices[i].sum / (double)characters(choices[i].text),
                     least = choices[best_norm].sum / (double)characters(choices[best_norm].text);
        if (choices[i].sum > choices[best].sum) best = i;
        if (norm > least) best_norm = i;
    }
    out->questions++;
    out->right += best == answer;
    out->right_norm += best_norm == answer;
    out->chance += 1 / (double)count;
}

static Status judge(Judge *j, const char *text, const json_t *list, int64_t answer, Choices *out)
{
    const int64_t count = (int64_t)json_array_size(list), streams = j->decoder->cache.streams;
    Choice *choices = arena_take(&j->arena, count * (int64_t)sizeof *choices);
    Prompt context;
    if (!choices) return FAIL(E_NOMEM, "%lld choices", (long long)count);
    TRY(in_line(j, prompt_open(&context, &j->arena, j->tokenizer, j->decoder->model->vocab_size,
                               text)));
    for (int64_t i = 0; i < count; i++) {
        const char *choice = json_string_value(json_array_get(list, (size_t)i));
        if (!choice || !*choice)
            return LINE_FAIL(j, "choice %lld is no text, or empty", (long long)i);
        TRY(in_line(j, encode(j, choice, *text != '\0', choices + i)));
        if (!choices[i].count) return LINE_FAIL(j, "choice %lld has no token", (long long)i);
    }
    TRY(fit(j, &context, choices, count));
    for (int64_t i = 0; i < count; i += streams)
        TRY(score(j, &context, choices + i, count - i < streams ? count - i : streams));
    count_answer(choices, count, answer, out);
    return OK;
}

static Status judge_row(Judge *j, const json_t *row, Choices *out)
{
    const char *context = json_string_value(json_object_get(row, "context"));
    const json_t *list = json_object_get(row, "choices"), *answer = json_object_get(row, "answer");
    const int64_t count = (int64_t)json_array_size(list);
    if (!context || count < 2 || !json_is_integer(answer))
        return LINE_FAIL(j, "expected {\"context\": TEXT, \"choices\": [TEXT, TEXT, ...], "
                            "\"answer\": INDEX}");
    if (json_integer_value(answer) < 0 || json_integer_value(answer) >= count)
        return LINE_FAIL(j, "answer %lld: there are %lld choices, from 0",
                         (long long)json_integer_value(answer), (long long)count);
    arena_reset(&j->arena);
    return judge(j, context, list, json_integer_value(answer), out);
}

static Status judge_line(Judge *j, const char *line, size_t length, Choices *out)
{
    json_error_t error;
    if (!line[strspn(line, " \t\r\n")]) return OK;
    json_t *row = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    const Status status = row ? judge_row(j, row, out) : LINE_FAIL(j, "not JSON: %s", error.text);
    json_decref(row);
    return status;
}

static Status judge_file(Judge *j, FILE *in, const volatile sig_atomic_t *stop, Choices *out)
{
    char *line = NULL;
    size_t room = 0;
    Status status = OK;
    for (ssize_t length; status == OK && (length = getline(&line, &room, in)) >= 0;) {
        j->line++;
        status =
            stop && *stop ? FAIL(E_INTERRUPTED, "eval") : judge_line(j, line, (size_t)length, out);
    }
    free(line);
    if (status == OK && ferror(in)) status = FAIL(E_DATA, "%s: cannot be read", j->path);
    if (status == OK && !out->questions) status = FAIL(E_DATA, "%s: no question", j->path);
    return status;
}

Status choices_judge(Decoder *d, const Tokenizer *t, const PromptForm *form, const char *path,
                     const volatile sig_atomic_t *stop, Choices *out)
{
    const char *reason;
    Judge j = {.decoder = d, .tokenizer = t, .form = form, .path = path};
    *out = (Choices){0};
    FILE *in = file_open_given(path, &reason);
    if (!in) return FAIL(E_DATA, "%s: %s", path, reason);
    const Status status = judge_file(&j, in, stop, out);
    out->chance /= out->questions ? (double)out->questions : 1;
    fclose(in);
    arena_free(&j.arena);
    return status;
}

void choices_interval(int64_t right, int64_t count, double interval[2])
{
    const double n = (double)count, p = (double)right / n, z = 1.959963984540054,
                 middle = p + z * z / (2 * n),
                 half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    interval[0] = fmax((middle - half) / (1 + z * z / n), 0);
    interval[1] = fmin((middle + half) / (1 + z * z / n), 1);
}

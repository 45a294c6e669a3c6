/* capstan sample: text from a checkpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "train/commands.h"
#include "train/interrupt.h"
#include "train/json.h"
#include "train/progress.h"
#include "train/sample.h"
#include "train/trained.h"

typedef struct Wish {
    const char *checkpoint, *prompt;
    int64_t count;
    bool interactive, json;
    Sampling sampling;
} Wish;

static Status print_samples(const Wish *w, const Trained *t, Decoder *d)
{
    for (int64_t i = 0; i < w->count; i++) {
        if (i) printf("---------------\n");
        TRY(sample_write(d, t->tokenizer, &w->sampling, w->prompt, i, stdout, NULL));
        printf("\n");
    }
    return OK;
}

static Status append_sample(const Wish *w, const Trained *t, Decoder *d, int64_t i, json_t *list)
{
    char *text = NULL;
    size_t size = 0;
    SampleResult made;
    FILE *out = open_memstream(&text, &size);
    if (!out) return FAIL(E_NOMEM, "sample");
    Status status = sample_write(d, t->tokenizer, &w->sampling, w->prompt, i, out, &made);
    fclose(out);
    if (status == OK)
        json_array_append_new(list, json_pack("{s:o, s:I, s:b}", "text", json_stringn(text, size),
                                              "tokens", (json_int_t)made.tokens, "end_of_text",
                                              (int)made.ended));
    free(text);
    return status;
}

static Status print_json(const Wish *w, const Trained *t, Decoder *d)
{
    const double begin = clock_seconds();
    json_t *list = json_array();
    for (int64_t i = 0; i < w->count; i++) {
        Status status = append_sample(w, t, d, i, list);
        if (status == OK) continue;
        json_decref(list);
        return status;
    }
    return json_print(json_pack("{s:o, s:o, s:I, s:o}", "samples", list, "prompt",
                                json_text(w->prompt), "step", (json_int_t)t->checkpoint.info.step,
                                "seconds", json_number(clock_seconds() - begin)));
}

/* A prompt a line; a line that cannot be read as one is complained of, and the next may be better. */
static Status answer_lines(const Wish *w, const Trained *t, Decoder *d)
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
        status = sample_write(d, t->tokenizer, &w->sampling, line, i, stdout, NULL);
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

static Status sample(const Wish *w, const Trained *t)
{
    Decoder d;
    Status status = decoder_open(&d, &t->model);
    if (status == OK)
        status = w->interactive ? answer_lines(w, t, &d)
                 : w->json      ? print_json(w, t, &d)
                                : print_samples(w, t, &d);
    decoder_close(&d);
    return status;
}

Status command_sample(const Command *self, int argc, char *argv[])
{
    Wish w = {.prompt = "",
              .count = 1,
              .sampling = {.tokens = 500,
                           .with_prompt = true,
                           .seed = 1,
                           .choosing = {.temperature = 0.8, .top_p = 1}}};
    int64_t seed = 1, threads = 0;
    bool helped;
    int count;
    const Option options[] = {
        {.name = "--checkpoint", OPTION_TEXT, &w.checkpoint, "F", "whose model writes"},
        {.name = "--prompt",
         OPTION_TEXT,
         &w.prompt,
         "TEXT",
         "what to go on from; default: nothing, that is the start of a document"},
        {.name = "--tokens",
         OPTION_INT,
         &w.sampling.tokens,
         "N",
         "at most so many, or to end-of-text; default: 500",
         .min = 1,
         .max = 1e12},
        {.name = "--temperature",
         OPTION_REAL,
         &w.sampling.choosing.temperature,
         "T",
         "below 1: likelier tokens get likelier; 0: always the likeliest; default: 0.8",
         .min = 0,
         .max = 100},
        {.name = "--top-k",
         OPTION_INT,
         &w.sampling.choosing.top_k,
         "K",
         "only the K likeliest tokens; default 0: all",
         .min = 0,
         .max = 1e9},
        {.name = "--top-p",
         OPTION_REAL,
         &w.sampling.choosing.top_p,
         "P",
         "only the likeliest tokens that make up the share P; default 1: all",
         .min = 1e-9,
         .max = 1},
        {.name = "--seed",
         OPTION_INT,
         &seed,
         "S",
         "same seed, same text; default: 1",
         .min = 0,
         .max = 9e18},
        {.name = "--count", OPTION_INT, &w.count, "N", "samples; default: 1", .min = 1, .max = 1e9},
        {.name = "--interactive",
         OPTION_FLAG,
         &w.interactive,
         .help = "read prompts, a line each, and go on from each"},
        OPTION_THREADS(&threads),
        OPTION_JSON(&w.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, NULL, 0, &count, &helped));
    if (helped) return OK;
    if (!w.checkpoint) return FAIL(E_ARG, "capstan sample needs --checkpoint F");
    if (w.interactive && (w.json || *w.prompt || w.count != 1))
        return FAIL(E_ARG, "--interactive goes with none of --prompt, --count and --json");
    threads_set((int)threads);
    w.sampling.seed = (uint64_t)seed;

    Trained t;
    Status status = trained_open(&t, w.checkpoint, argv);
    w.sampling.stop = interrupt_watch();
    if (status == OK) {
        sampling_as_trained(&w.sampling, &t.config->data);
        status = sample(&w, &t);
    }
    trained_close(&t);
    return status;
}

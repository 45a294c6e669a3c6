/* capstan tokenizer train|encode|decode|info|convert */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "data/files.h"
#include "train/commands/commands.h"
#include "train/commands/prepare_summary.h"
#include "train/commands/tokenizer_apply.h"
#include "train/support/json.h"

static Status write_output(const char *path, const char *text, int64_t size)
{
    TRY(file_make_parents(path));
    return file_write(path, text, size);
}

/* Checks the output before training, which may take minutes. */
static Status check_output(const char *path, const TokenizerTrain *p)
{
    struct stat output, input;
    if (stat(path, &output)) return OK;
    if (!S_ISREG(output.st_mode)) return FAIL(E_ARG, "--output %s exists and is not a file", path);
    for (int i = 0; i < p->texts.path_count; i++)
        if (!stat(p->texts.paths[i], &input) && input.st_dev == output.st_dev &&
            input.st_ino == output.st_ino)
            return FAIL(E_ARG, "--output %s is one of the inputs", path);
    return OK;
}

static Status convert(TokenizerArgs *q)
{
    Tokenizer *t;
    const char *text;
    int64_t size;
    if (!q->output) return FAIL(E_ARG, "--output is missing: the tokenizer.json to write");
    TRY(check_output(q->output, &q->training));
    TRY(tokenizer_apply_open(q, &t));
    TRY(tokenizer_huggingface(t, &q->arena, &text, &size));
    TRY(write_output(q->output, text, size));
    if (q->json)
        return json_print(json_pack("{s:s, s:I, s:s%}", "kind", tokenizer_kind(t), "vocab_size",
                                    (json_int_t)tokenizer_vocab_size(t), "output", q->output,
                                    strlen(q->output)));
    printf("written to  %s: %s, %lld tokens\n", q->output, tokenizer_kind(t),
           (long long)tokenizer_vocab_size(t));
    return OK;
}

static Status train(TokenizerArgs *q)
{
    const TokenizerTrain *p = &q->training;
    TokenizerTrainSummary s;
    char *text;
    int64_t size;
    if (!p->texts.path_count) return FAIL(E_ARG, "--input is missing: the files to read");
    if (!q->output) return FAIL(E_ARG, "--output is missing: the tokenizer.json to write");
    if (!p->vocab_size) return FAIL(E_ARG, "--vocab-size is missing: the number of tokens");
    TRY(check_output(q->output, p));
    TRY(tokenizer_train(p, &q->arena, &text, &size, &s));
    TRY(write_output(q->output, text, size));
    if (s.vocab_size < p->vocab_size)
        fprintf(stderr,
                "capstan: the vocabulary has only %lld tokens: no further pair occurs %lld times\n",
                (long long)s.vocab_size, (long long)p->min_count);
    if (q->json)
        return json_print(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:s%}", "kind",
                                    p->kind, "vocab_size", (json_int_t)s.vocab_size, "merges",
                                    (json_int_t)s.merges, "bytes", (json_int_t)s.bytes, "documents",
                                    (json_int_t)s.documents, "words", (json_int_t)s.words,
                                    "count_seconds", s.count_seconds, "merge_seconds",
                                    s.merge_seconds, "output", q->output, strlen(q->output)));
    printf("text        %lld bytes, %lld documents, %lld different words, in %.1f s\n",
           (long long)s.bytes, (long long)s.documents, (long long)s.words, s.count_seconds);
    printf("vocabulary  %lld (%lld merges), in %.1f s\n", (long long)s.vocab_size,
           (long long)s.merges, s.merge_seconds);
    bad_rows_print(&s.bad);
    printf("written to  %s\n", q->output);
    return OK;
}

static const struct {
    const char *name;
    Status (*run)(TokenizerArgs *q);
} actions[] = {
    {"train", train},
    {"encode", tokenizer_apply_encode},
    {"decode", tokenizer_apply_decode},
    {"info", tokenizer_apply_info},
    {"convert", convert},
};

enum { ACTIONS = sizeof actions / sizeof *actions };

typedef struct Given {
    bool given;
    const char *name, *actions; /* the actions that take it */
} Given;

/* Refuses options that the action would ignore. */
static Status check_options(const char *action, const TokenizerArgs *q, const char *format,
                            const char *bad, bool threads)
{
    const TokenizerTrain *p = &q->training;
    const Given options[] = {
        {p->kind, "--kind", "train"},
        {p->vocab_size, "--vocab-size", "train"},
        {p->special_count, "--special", "train"},
        {p->min_count, "--min-count", "train"},
        {p->keep_case, "--keep-case", "train"},
        {format, "--format", "train"},
        {bad, "--bad", "train"},
        {p->texts.field, "--field", "train"},
        {p->texts.prompt_field, "--prompt-field", "train"},
        {p->texts.completion_field, "--completion-field", "train"},
        {p->texts.split_on, "--split-on", "train"},
        {threads, "--threads", "train"},
        {p->texts.as_bytes, "--force", "train, encode and decode"},
        {p->texts.path_count, "--input", "train, encode and decode"},
        {q->output, "--output", "train and convert"},
        {q->text, "--text", "encode and decode"},
        {q->special, "--marked", "encode"},
        {q->count, "--count", "encode"},
        {q->json, "--json", "train, encode, info and convert"},
        {q->tokenizer, "--tokenizer", "encode, decode, info and convert"},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given && !strstr(options[i].actions, action))
            return FAIL(E_ARG, "%s: capstan tokenizer %s does not take it; only %s",
                        options[i].name, action, options[i].actions);
    if (p->texts.path_count > 1 && strcmp(action, "train"))
        return FAIL(E_ARG, "--input: %s takes one file", action);
    if (q->text && p->texts.path_count) return FAIL(E_ARG, "--text and --input exclude each other");
    const bool wordpiece = p->kind && !strcmp(p->kind, "wordpiece");
    if (p->keep_case && !wordpiece) return FAIL(E_ARG, "--keep-case belongs to --kind wordpiece");
    if (q->pattern && wordpiece) return FAIL(E_ARG, "--pattern belongs to --kind bpe");
    return OK;
}

static Status run(const Command *c, TokenizerArgs *q, int argc, char *argv[])
{
    static const char *inputs[OPTION_VALUES_MAX], *specials[OPTION_VALUES_MAX];
    const char *action = NULL, *format = NULL, *bad = NULL;
    int positional_count;
    int64_t threads = -1;
    bool helped;
    TokenizerTrain *p = &q->training;
    p->texts.paths = inputs;
    p->specials = specials;
    const Option options[] = {
        OPTION_USAGE("train"),
        OPTION_USAGE("encode|decode"),
        OPTION_USAGE("info"),
        OPTION_USAGE("convert"),
        OPTION_TEXTS(
            "--input", inputs, &p->texts.path_count, "FILE",
            "input files, plain or gzip; -: standard input, the default of encode and decode",
            .usage = IN_USAGE(0) | IN_USAGE(1), .required = IN_USAGE(0)),
        OPTION_PATH("--tokenizer", &q->tokenizer, "FILE",
                    "a tokenizer.json, a tiktoken rank file, a tokenizer of llama2.c, or byte",
                    .usage = IN_USAGE(1) | IN_USAGE(2) | IN_USAGE(3),
                    .required = IN_USAGE(1) | IN_USAGE(2) | IN_USAGE(3)),
        OPTION_TEXT("--end-of-text", &q->end_of_text, "TOKEN",
                    "text of the special token of a tokenizer.json that ends a text (default: "
                    "<|endoftext|>, </s> or the like)",
                    .usage = IN_USAGE(1) | IN_USAGE(2) | IN_USAGE(3)),
        OPTION_INT("--vocab-size", &p->vocab_size, "N", 1, 1 << 22,
                   "vocabulary size, special tokens included", .usage = IN_USAGE(0),
                   .required = IN_USAGE(0)),
        OPTION_PATH("--output", &q->output, "FILE", "tokenizer.json to write",
                    .usage = IN_USAGE(0) | IN_USAGE(3), .required = IN_USAGE(0) | IN_USAGE(3)),
        OPTION_TEXT("--kind", &p->kind, "KIND", "bpe or wordpiece (default: bpe)",
                    .usage = IN_USAGE(0)),
        OPTION_TEXT("--pattern", &q->pattern, "NAME",
                    "how BPE splits text into words: gpt2, gpt2_digits (SmolLM), cl100k (also "
                    "Llama 3), o200k "
                    "or qwen2, for training or for a rank file (default: gpt2)"),
        OPTION_TEXTS("--special", specials, &p->special_count, "TOKEN",
                     "special tokens (default: <|endoftext|>; wordpiece: BERT's five)",
                     .usage = IN_USAGE(0)),
        OPTION_INT("--min-count", &p->min_count, "N", 1, 1e15,
                   "merge only pairs that occur N times or more (default: 2)",
                   .usage = IN_USAGE(0)),
        OPTION_FLAG("--keep-case", &p->keep_case, "wordpiece: keep capitals and accents",
                    .usage = IN_USAGE(0)),
        OPTION_TEXT("--format", &format, "FORMAT",
                    "format of the input: text, jsonl or tsv (default: text)",
                    .usage = IN_USAGE(0)),
        OPTION_TEXT("--split-on", &p->texts.split_on, "STRING",
                    "separator of documents within a text file", .usage = IN_USAGE(0)),
        OPTION_INT("--threads", &threads, "N", 0, THREADS_MAX,
                   "CPU threads; 0: one per core (default)", .usage = IN_USAGE(0)),
        OPTION_TEXT("--field", &p->texts.field, "NAME",
                    "jsonl: the field that holds the text (default: text)", .usage = IN_USAGE(0)),
        OPTION_TEXT("--prompt-field", &p->texts.prompt_field, "NAME",
                    "jsonl: the field that holds the prompt (default: prompt)",
                    .usage = IN_USAGE(0)),
        OPTION_TEXT("--completion-field", &p->texts.completion_field, "NAME",
                    "jsonl: the field that holds the completion (default: completion)",
                    .usage = IN_USAGE(0)),
        OPTION_TEXT("--bad", &bad, "WHAT",
                    "rows of jsonl and tsv that cannot be read: stop, skip, or replace what is not "
                    "Unicode and skip the others (default: stop)",
                    .usage = IN_USAGE(0)),
        OPTION_FLAG("--force", &p->texts.as_bytes,
                    "take files as they are: no gzip, no byte order mark, anything is text",
                    .usage = IN_USAGE(0) | IN_USAGE(1)),
        OPTION_TEXT("--text", &q->text, "TEXT", "text to encode, or tokens to decode",
                    .usage = IN_USAGE(1)),
        OPTION_FLAG("--marked", &q->special,
                    "encode: the text of a special token becomes that token", .usage = IN_USAGE(1)),
        OPTION_FLAG("--count", &q->count, "encode: print only the number of tokens",
                    .usage = IN_USAGE(1)),
        OPTION_JSON(&q->json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, &action, 1, &positional_count, &helped));
    if (helped) return OK;
    if (!action) return FAIL(E_ARG, "expected train, encode, decode, info or convert; see --help");
    int which = 0;
    while (which < ACTIONS && strcmp(action, actions[which].name)) which++;
    if (which == ACTIONS)
        return FAIL(E_ARG, "tokenizer %s: expected train, encode, decode, info or convert", action);
    TRY(check_options(action, q, format, bad, threads >= 0));
    q->input = p->texts.path_count ? inputs[0] : NULL;
    threads_set(threads < 0 ? 0 : (int)threads);
    if (!p->kind) p->kind = "bpe";
    if (!p->min_count) p->min_count = 2;
    p->pattern = q->pattern ? q->pattern : "gpt2";
    p->show_progress = isatty(2);
    TRY(format_of_name(format ? format : "text", &p->texts.format));
    TRY(bad_of_name(bad ? bad : "stop", &p->texts.bad));
    return actions[which].run(q);
}

Status command_tokenizer(const Command *c, int argc, char *argv[])
{
    TokenizerArgs q = {0};
    Status status = run(c, &q, argc, argv);
    arena_free(&q.arena);
    return status;
}

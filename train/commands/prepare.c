/* capstan prepare: text files to a dataset. */
#include "data/prepare.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "train/commands.h"

static Status read_format(const char *name, Format *format)
{
#define X(name) #name,
    static const char *const names[] = {FORMAT_LIST(X)};
#undef X
    for (int i = 0; i < FORMATS; i++)
        if (!strcmp(name, names[i])) {
            *format = (Format)i;
            return OK;
        }
    return FAIL(E_ARG, "--format %s: expected text, jsonl or tsv", name);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print(const Prepare *p, const PrepareSummary *s, double seconds)
{
    const long long documents = s->documents, val_documents = s->val_documents, tokens = s->tokens,
                    val_tokens = s->val_tokens;
    printf("documents   %lld in train, %lld held out", documents - val_documents, val_documents);
    if (s->empty) printf("; %lld empty: only end-of-text", (long long)s->empty);
    printf("\ntokens      %lld in train, %lld held out (%.1f %%); longest document %lld\n",
           tokens - val_tokens, val_tokens, 100.0 * (double)val_tokens / (double)tokens,
           (long long)s->longest);
    printf("vocabulary  %lld (%s)\n", (long long)s->vocab_size, p->tokenizer);
    printf("text        %lld bytes, in %.1f s\n", (long long)s->bytes, seconds);
    printf("written to  %s\n", p->output);
}

static Status print_json(const Prepare *p, const PrepareSummary *s, double seconds)
{
    json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s%, s:s%, s:f}", "documents",
                          (json_int_t)s->documents, "val_documents", (json_int_t)s->val_documents,
                          "empty_documents", (json_int_t)s->empty, "tokens", (json_int_t)s->tokens,
                          "val_tokens", (json_int_t)s->val_tokens, "longest",
                          (json_int_t)s->longest, "vocab_size", (json_int_t)s->vocab_size, "bytes",
                          (json_int_t)s->bytes, "tokenizer", p->tokenizer, strlen(p->tokenizer),
                          "output", p->output, strlen(p->output), "seconds", seconds);
    if (!o) return FAIL(E_ARG, "--json: a file name is not UTF-8");
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(o);
    return OK;
}

Status command_prepare(const Command *c, int argc, char *argv[])
{
    static const char *inputs[OPTION_VALUES_MAX];
    const char *format = "text";
    int positional_count;
    int64_t seed = 1;
    bool json = false, helped;
    Prepare p = {.inputs = inputs, .tokenizer = "byte", .val = 0.1, .show_progress = isatty(2)};
    PrepareSummary summary;
    const Option options[] = {
        {"--input", OPTION_TEXT, inputs, "FILE", "what to read", &p.input_count, 0, 0},
        {"--format", OPTION_TEXT, &format, "FORMAT",
         "text: a file is a document; jsonl: rows of {\"text\"} or {\"prompt\", \"completion\"}; "
         "tsv: prompt TAB completion (default: text)",
         NULL, 0, 0},
        {"--tokenizer", OPTION_TEXT, &p.tokenizer, "NAME",
         "byte, char, or a file that describes one (default: byte)", NULL, 0, 0},
        {"--output", OPTION_TEXT, &p.output, "D.h5", "the dataset; replaced if it is there", NULL,
         0, 0},
        {"--val", OPTION_REAL, &p.val, "SHARE", "held out, at least one document (default: 0.1)",
         NULL, 0, 1},
        {"--seed", OPTION_INT, &seed, "N", "which documents are held out (default: 1)", NULL, 0,
         9e18},
        {"--split-on", OPTION_TEXT, &p.split_on, "STRING", "what stands between documents of text",
         NULL, 0, 0},
        {"--json", OPTION_FLAG, &json, NULL, "print one JSON object", NULL, 0, 0},
        {0},
    };
    TRY(options_read(c, options, argc, argv, NULL, 0, &positional_count, &helped));
    if (helped) return OK;
    if (!p.input_count) return FAIL(E_ARG, "--input is missing: which files are to be read?");
    if (!p.output) return FAIL(E_ARG, "--output is missing: which dataset is to be written?");
    TRY(read_format(format, &p.format));
    p.seed = (uint64_t)seed;

    const double start = now();
    TRY(prepare(&p, &summary));
    if (p.split_on && !summary.separators)
        fprintf(stderr,
                "capstan: --split-on \"%s\" is nowhere in the text: each file is one document\n",
                p.split_on);
    if (json) return print_json(&p, &summary, now() - start);
    print(&p, &summary, now() - start);
    return OK;
}

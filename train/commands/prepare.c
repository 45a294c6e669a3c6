/* capstan prepare: text files to a dataset. */
#include "data/prepare.h"
#include "train/support/clock.h"

#include <stdio.h>
#include <unistd.h>

#include "train/commands/commands.h"
#include "train/commands/prepare_summary.h"
#include "train/plan/warnings.h"

Status command_prepare(const Command *c, int argc, char *argv[])
{
    static const char *inputs[OPTION_VALUES_MAX];
    const char *format = "text", *bad = "stop";
    int positional_count;
    int64_t seed = 1;
    bool json = false, helped;
    Prepare p = {.texts.paths = inputs,
                 .tokenizer = "byte",
                 .val = 0.1,
                 .show_progress = isatty(2)};
    PrepareSummary summary;
    const Option options[] = {
        OPTION_TEXTS("--input", inputs, &p.texts.path_count, "FILE",
                     "input files, plain or gzip; -: standard input", .required = IN_EVERY_USAGE),
        OPTION_PATH("--output", &p.output, "D.h5", "dataset to write; replaced if it exists",
                    .required = IN_EVERY_USAGE),
        OPTION_TEXT("--format", &format, "FORMAT",
                    "text: each file is one document; jsonl: rows of {\"text\"} or {\"prompt\", "
                    "\"completion\"}; tsv: prompt TAB completion (default: text)"),
        OPTION_TEXT("--tokenizer", &p.tokenizer, "NAME",
                    "byte, char, or a tokenizer file (default: byte)"),
        OPTION_TEXT("--end-of-text", &p.end_of_text, "TOKEN",
                    "text of the special token that ends a document (default: of a tokenizer.json "
                    "<|endoftext|>, </s> or the like)"),
        OPTION_REAL("--val", &p.val, "SHARE", 0, 0,
                    "share of documents for validation, at least one document (default: 0.1)"),
        OPTION_INT("--seed", &seed, "N", 0, 9e18,
                   "seed that chooses the validation documents (default: 1)"),
        OPTION_TEXT("--split-on", &p.texts.split_on, "STRING",
                    "separator of documents within a text file"),
        OPTION_TEXT("--field", &p.texts.field, "NAME",
                    "jsonl: the field that holds the text (default: text)"),
        OPTION_TEXT("--prompt-field", &p.texts.prompt_field, "NAME",
                    "jsonl: the field that holds the prompt (default: prompt)"),
        OPTION_TEXT("--completion-field", &p.texts.completion_field, "NAME",
                    "jsonl: the field that holds the completion (default: completion)"),
        OPTION_TEXT("--bad", &bad, "WHAT",
                    "rows of jsonl and tsv that cannot be read: stop, skip, or replace what is not "
                    "Unicode and skip the others (default: stop)"),
        OPTION_FLAG("--force", &p.texts.as_bytes,
                    "take files as they are: no gzip, no byte order mark, anything is text"),
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, NULL, 0, &positional_count, &helped));
    if (helped) return OK;
    if (!p.texts.path_count) return FAIL(E_ARG, "--input is missing: which files are to be read?");
    if (!p.output) return FAIL(E_ARG, "--output is missing: which dataset is to be written?");
    TRY(format_of_name(format, &p.texts.format));
    TRY(bad_of_name(bad, &p.texts.bad));
    p.seed = (uint64_t)seed;

    const double start = clock_seconds();
    TRY(prepare(&p, &summary));
    const PrepareFacts facts = {&summary, p.val, p.texts.split_on, p.tokenizer};
    warnings_print(warnings_of_prepare, &facts);
    return prepared_print(&summary, p.tokenizer, p.output, clock_seconds() - start, json);
}

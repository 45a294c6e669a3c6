/* capstan prepare: text files to a dataset. */
#include "data/prepare.h"
#include "train/support/clock.h"

#include <stdio.h>
#include <unistd.h>

#include "train/commands/commands.h"
#include "train/commands/prepare_summary.h"

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
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, NULL, 0, &positional_count, &helped));
    if (helped) return OK;
    if (!p.input_count) return FAIL(E_ARG, "--input is missing: which files are to be read?");
    if (!p.output) return FAIL(E_ARG, "--output is missing: which dataset is to be written?");
    TRY(format_of_name(format, &p.format));
    p.seed = (uint64_t)seed;

    const double start = clock_seconds();
    TRY(prepare(&p, &summary));
    if (p.split_on && !summary.separators)
        fprintf(stderr,
                "capstan: --split-on \"%s\" is nowhere in the text: each file is one document\n",
                p.split_on);
    return prepared_print(&summary, p.tokenizer, p.output, clock_seconds() - start, json);
}

/* capstan corpus: an English text as a dataset, fetched from Debian's packages. */
#include "data/corpora.h"
#include "train/support/clock.h"

#include <stdio.h>
#include <string.h>

#include "train/commands/commands.h"
#include "train/commands/prepare_summary.h"

/* corpus_make() suggests the nearest name. */
static Status ask(void)
{
    char known[512] = "";
    for (int i = 0; corpus_name(i); i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "\n  %-8s %s", corpus_name(i), corpus_title(i));
    }
    return FAIL(E_ARG, "which corpus? There are:%s", known);
}

Status command_corpus(const Command *c, int argc, char *argv[])
{
    const char *name = NULL, *folder = "data/corpora", *tokenizer = "byte";
    int named;
    bool json = false, helped;
    static Corpus corpus;
    const Option options[] = {
        OPTION_USAGE("wordnet|kjv|austen"),
        OPTION_PATH("--output", &folder, "DIR",
                    "folder of the dataset NAME.h5 (default: data/corpora)"),
        OPTION_TEXT("--tokenizer", &tokenizer, "NAME",
                    "byte, char, or a tokenizer file (default: byte)"),
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, &name, 1, &named, &helped));
    if (helped) return OK;
    if (!named) return ask();

    const double start = clock_seconds();
    TRY(corpus_make(&corpus, name, folder, tokenizer, true));
    return prepared_print(&corpus.summary, tokenizer, corpus.dataset, clock_seconds() - start,
                          json);
}

/* Prepare: from text files to a dataset.
 *
 * Reads the text twice (a third time to count the tokens of a single document that is split),
 * through a window of fixed size. */
#ifndef DATA_PREPARE_H
#define DATA_PREPARE_H

#include "data/documents.h"

typedef struct Prepare {
    Texts texts;
    const char *end_of_text; /* see tokenizer_parse_with_end(); for a file */
    const char *tokenizer;   /* "byte", "char" (one token per distinct character), or a file */
    const char *output;
    double val;         /* share of the validation split, in [0, 1) */
    uint64_t seed;      /* selects the documents of the validation split */
    bool show_progress; /* on stderr */
} Prepare;

typedef struct PrepareSummary {
    int64_t documents,
        val_documents;          /* all; in the validation split. A split document counts as two */
    int64_t empty;              /* documents of end-of-text only */
    int64_t tokens, val_tokens; /* the same, end-of-text included */
    int64_t longest;            /* tokens of the longest document */
    int64_t vocab_size, bytes;  /* bytes of text */
    BadRows bad;
    int64_t separators; /* occurrences of split_on */
} PrepareSummary;

/* E_DATA: an input is missing, empty or malformed, or has text that the tokenizer lacks. E_ARG:
 * invalid options. The output is replaced as a whole, at the end, or not at all.
 *
 * The validation split gets round(val x documents), at least one, chosen at random by seed. A
 * single document is split: the tokens after the first floor((1 - val) x tokens) are the
 * validation split, and both parts end in end-of-text. */
Status prepare(const Prepare *p, PrepareSummary *summary);

#endif

/* Prepare: from text files to a dataset.
 *
 * Reads the text twice (once more to count the tokens of a single document that is to be cut), and keeps
 * nothing of it but a window. */
#ifndef DATA_PREPARE_H
#define DATA_PREPARE_H

#include "data/documents.h"

typedef struct Prepare {
    const char *const *inputs;
    int input_count;
    Format format;
    const char *tokenizer; /* "byte", "char" (made of the characters of the text), or a file */
    const char *output;
    double val;           /* share that is held out, in [0, 1) */
    uint64_t seed;        /* which documents are */
    const char *split_on; /* NULL: a file is a document; of format text only */
    bool show_progress;   /* on stderr */
} Prepare;

typedef struct PrepareSummary {
    int64_t documents,
        val_documents;          /* of all, those held out; a document that is cut counts as two */
    int64_t empty;              /* documents that are nothing but end-of-text */
    int64_t tokens, val_tokens; /* of all, those held out; end-of-text included */
    int64_t longest;            /* tokens of the longest document */
    int64_t vocab_size, bytes;  /* bytes of text */
    int64_t separators;         /* times that split_on was found */
} PrepareSummary;

/* E_DATA: an input is missing, empty or malformed, or has text that the tokenizer lacks. E_ARG: what p
 * says cannot be. The output is replaced as a whole, at the end, or not at all.
 *
 * Held out are, of several documents, round(val x documents) and at least one, drawn by seed; of a single
 * one its last part: all behind the first floor((1 - val) x tokens). Both parts end in end-of-text. */
Status prepare(const Prepare *p, PrepareSummary *summary);

#endif

/* Documents: what stands in text files, piece by piece, so that memory does not grow with the text.
 *
 * text: a file is a document, or the pieces between separators are. jsonl: a row is one, {"text": ...} or
 * {"prompt": ..., "completion": ...}. tsv: a line is one, prompt TAB completion. */
#ifndef DATA_DOCUMENTS_H
#define DATA_DOCUMENTS_H

#include <jansson.h>

#include "data/source.h"

#define FORMAT_LIST(X) X(text) X(jsonl) X(tsv)

#define X(name) FORMAT_##name,
typedef enum Format { FORMAT_LIST(X) FORMATS } Format;
#undef X

Status format_of_name(const char *name, Format *format); /* E_ARG, naming --format */

typedef struct Piece {
    const char *text; /* good until the next one is asked for; no character is cut */
    int64_t size;
    bool is_prompt, ends_document;
    TextPlace place;
} Piece;

typedef struct Documents {
    const char *const *paths;
    int path_count;
    Format format;
    const char *split_on; /* NULL: a file is one document */

    int next_path; /* of paths; the one before it is open, if is_open */
    bool is_open, in_document;
    Source source;
    int64_t rows;       /* of jsonl and tsv that were fine, in all files */
    int64_t separators; /* found so far */
    int64_t bytes;      /* of pieces so far */
    int64_t done;       /* bytes of files that are behind */
    json_t *row;        /* jsonl: what parts are of */
    Piece part[2];      /* of the row: prompt and completion, or text */
    int part_count, next_part;
    char name[2][1200]; /* of part: where it comes from */
} Documents;

/* E_ARG: what is to be split is not text, or at nothing. split_on may be NULL. */
Status format_check(Format format, const char *split_on);

/* Borrows paths and split_on. */
void documents_open(Documents *d, const char *const *paths, int path_count, Format format,
                    const char *split_on);

/* The next piece; *found is false behind the last. E_DATA names file and line of what is malformed, and
 * says how many rows before it were fine. */
Status documents_next(Documents *d, Piece *p, bool *found);

void documents_close(Documents *d);

#endif

/* Reads the documents of text files in chunks, so that memory does not grow with the text.
 *
 * A document is, by format, text: a file, or the text between two separators; jsonl: a line,
 * {"text": ...} or {"prompt": ..., "completion": ...}; tsv: a line, prompt TAB completion. */
#ifndef DATA_DOCUMENTS_H
#define DATA_DOCUMENTS_H

#include <jansson.h>

#include "data/source.h"

#define FORMAT_LIST(X) X(text) X(jsonl) X(tsv)

#define X(name) FORMAT_##name,
typedef enum Format { FORMAT_LIST(X) FORMATS } Format;
#undef X

Status format_of_name(const char *name, Format *format); /* E_ARG, naming --format */

/* Files of text, and how their documents are found. All borrowed. */
typedef struct Texts {
    const char *const *paths; /* "-": standard input */
    int path_count;
    Format format;
    const char *split_on; /* of format text only; NULL: a file is one document */
    bool as_bytes;        /* files are not unpacked, and may be anything */
} Texts;

/* Finds mistakes before hours are spent. E_ARG: an option that its format does not take. E_DATA:
 * a file that cannot be read, or is not text. */
Status texts_check(const Texts *t);

typedef struct TextChunk {
    const char *text; /* whole characters; valid until the next call of documents_next() */
    int64_t size;
    bool is_prompt, ends_document;
    TextPlace place;
} TextChunk;

typedef struct Documents {
    const Texts *texts;
    int next_path; /* if is_open, the path before it is open */
    bool is_open, in_document;
    Source source;
    int64_t rows;       /* well-formed rows of jsonl and tsv so far, in all files */
    int64_t separators; /* found so far */
    int64_t bytes;      /* of all chunks so far */
    int64_t done;       /* bytes on disk of the files that were read to their end */
    json_t *row;        /* jsonl: owns the texts of part */
    TextChunk part[2];  /* of the row: prompt and completion, or text */
    int part_count, next_part;
    char name[2][1200]; /* of part: file, line and key, for messages */
} Documents;

/* Borrows texts. */
void documents_open(Documents *d, const Texts *texts);

/* The next chunk; *found is false after the last. E_DATA names the file and line of malformed
 * text, and the number of well-formed rows before it. */
Status documents_next(Documents *d, TextChunk *p, bool *found);

void documents_close(Documents *d);

#endif

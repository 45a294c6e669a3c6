/* Reads the documents of text files in chunks, so that memory does not grow with the text.
 *
 * A document is, by format, text: a file, or the text between two separators; jsonl: a line,
 * {"text": ...} or {"prompt": ..., "completion": ...}; tsv: a line, prompt TAB completion. */
#ifndef DATA_DOCUMENTS_H
#define DATA_DOCUMENTS_H

#include "data/json_row.h"
#include "data/source.h"

#define FORMAT_LIST(X) X(text) X(jsonl) X(tsv)

#define X(name) FORMAT_##name,
typedef enum Format { FORMAT_LIST(X) FORMATS } Format;
#undef X

Status format_of_name(const char *name, Format *format); /* E_ARG, naming --format */

/* What a bad row does: ends the reading, is left out, or is repaired if it can be (U+FFFD for half a
 * surrogate pair and for a byte that is not UTF-8) and else left out. */
#define BAD_LIST(X) X(stop) X(skip) X(replace)

#define X(name) BAD_##name,
typedef enum Bad { BAD_LIST(X) BADS } Bad;
#undef X

Status bad_of_name(const char *name, Bad *bad); /* E_ARG, naming --bad */

/* Files of text, and how their documents are found. All borrowed. */
typedef struct Texts {
    const char *const *paths; /* "-": standard input */
    int path_count;
    Format format;
    const char *split_on; /* of format text only; NULL: a file is one document */
    const char *field, *prompt_field, *completion_field; /* of jsonl; NULL: see texts_check() */
    Bad bad;                                             /* of jsonl and tsv */
    bool as_bytes; /* files are not unpacked, and may be anything */
} Texts;

/* Rows that were left out or repaired, and the first of them. */
typedef struct BadRows {
    int64_t skipped[ROW_FAULTS], skipped_count, repaired;
    char first[512];
} BadRows;

/* The rows of jsonl are {"text"} or {"prompt", "completion"}; field names another "text" alone,
 * prompt_field and completion_field name the other two. Other fields are never read.
 *
 * Finds mistakes before hours are spent. E_ARG: an option that its format does not take. E_DATA:
 * a file that cannot be read, or is not text. */
Status texts_check(const Texts *t);

/* What its files must hold. */
SourceContent texts_content(const Texts *t);

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
    BadRows bad;
    JsonRow row; /* jsonl: its buffer holds the texts of part */
    int64_t row_room;
    TextChunk part[2]; /* of the row: prompt and completion, or text */
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

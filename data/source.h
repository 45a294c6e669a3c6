/* A file of text that is read from front to back through a sliding window.
 *
 * gzip is unpacked on the way, and a byte order mark at the start comes off. What is plainly not
 * text is refused (binary.h). SOURCE_BYTES turns all three off. "-" is standard input: it is copied
 * to an unlinked temporary file in $TMPDIR (/var/tmp if that is not set) when it is first opened,
 * and can then be opened again. */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "data/gunzip.h"
#include "data/tokenizer.h"

enum { SOURCE_WINDOW = 1 << 20, SOURCE_LINE_MAX = 64 << 20 };

typedef struct Source {
    Arena arena;
    const char *path; /* borrowed; for messages */
    int64_t once;     /* not 0: read once, and at most this many bytes; may be a pipe, or empty */
    int fd;
    Gunzip *gunzip; /* in arena */
    bool is_gzip;
    int64_t consumed; /* bytes read of the file, packed if it is gzip */
    char *window;
    int64_t room, begin, end; /* window[begin .. end): read from the file, not yet taken */
    bool at_end;              /* the text ends at window[end] */
    int64_t start;            /* bytes of the byte order mark: 0 or 3 */
    TextPlace place;          /* position of window[begin] in the unpacked file */
} Source;

/* What a file must hold. */
typedef enum SourceContent {
    SOURCE_CORPUS, /* text, of which the option --force takes the bytes: messages say so */
    SOURCE_TEXT,   /* text, such as a table or a tokenizer.json */
    SOURCE_BYTES,  /* anything */
} SourceContent;

/* E_DATA: source_open() would fail. */
Status source_check(const char *path, SourceContent content);

/* E_DATA: path cannot be read, is not a regular file, is empty or not text. E_IO: no room for a
 * copy of standard input. *s must be {.fd = -1} before the first file; later files reuse its
 * window. */
Status source_open(Source *s, const char *path, SourceContent content);

/* Reads until the window holds at least `size` bytes, or the file ends. */
Status source_need(Source *s, int64_t size);

/* Takes `size` bytes and moves place past them. */
void source_take(Source *s, int64_t size);

/* Reads the next line into the window; *length is without its end. found is false at the end of
 * the file. E_DATA: the line is longer than SOURCE_LINE_MAX. */
Status source_line(Source *s, int64_t *length, bool *found);

void source_close(Source *s);

/* All of a file of at most `most` bytes, unpacked, and a zero byte behind it, in a. The file may
 * be empty, and a pipe. E_DATA as source_open(), or longer. */
Status source_read_all(Arena *a, const char *path, int64_t most, SourceContent content, char **text,
                       int64_t *size);

#endif

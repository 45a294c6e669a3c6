/* A file that is read from front to back through a sliding window. */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "data/tokenizer.h"

enum { SOURCE_WINDOW = 1 << 20, SOURCE_LINE_MAX = 64 << 20 };

typedef struct Source {
    Arena arena;
    const char *path; /* borrowed */
    int fd;
    char *window;
    int64_t room, begin, end; /* window[begin .. end): read from the file, not yet taken */
    bool at_end;              /* the file ends at window[end] */
    TextPlace place;          /* position of window[begin] in the file */
} Source;

/* E_DATA: source_open() would fail. */
Status source_check(const char *path);

/* E_DATA: path cannot be read, is not a regular file, or is empty. *s must be {.fd = -1} before
 * the first file; later files reuse its window. */
Status source_open(Source *s, const char *path);

/* Reads until the window holds at least `size` bytes, or the file ends. */
Status source_need(Source *s, int64_t size);

/* Takes `size` bytes and moves place past them. */
void source_take(Source *s, int64_t size);

/* Reads the next line into the window; *length is without its end. found is false at the end of
 * the file. E_DATA: the line is longer than SOURCE_LINE_MAX. */
Status source_line(Source *s, int64_t *length, bool *found);

void source_close(Source *s);

#endif

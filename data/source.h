/* Sources: a file read front to back through a window that slides. */
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
    int64_t room, begin, end; /* window[begin .. end) is read and not taken yet */
    bool at_end;              /* the file ends at window[end] */
    TextPlace place;          /* of window[begin] */
} Source;

/* E_DATA if path is nothing that source_open() can open. */
Status source_check(const char *path);

/* E_DATA if path cannot be read, is no file, or is empty. *s is {.fd = -1} before the first, and the
 * window of the file before is used again. */
Status source_open(Source *s, const char *path);

/* Makes at least `size` bytes be there, unless the file ends before. */
Status source_need(Source *s, int64_t size);

/* Takes `size` bytes: where the next ones stand, place says. */
void source_take(Source *s, int64_t size);

/* The length of the line that begins here, without its end; the line is there as a whole. found is false
 * at the end of the file. E_DATA: it is longer than SOURCE_LINE_MAX. */
Status source_line(Source *s, int64_t *length, bool *found);

void source_close(Source *s);

#endif

/* Stop strings: texts that end a sample where they occur in its new text.
 *
 * They are sought byte by byte (Knuth, Morris & Pratt 1977), so it does not matter how tokens cut
 * the text. A byte that may begin a stop string is held back until that is decided. The stop
 * string that is complete first ends the text; of several that end at the same byte, the longest,
 * and none of its bytes are in the text. */
#ifndef TRAIN_GENERATE_STOP_STRINGS_H
#define TRAIN_GENERATE_STOP_STRINGS_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct StopString {
    const char *bytes;
    int64_t size;
    int64_t *border; /* [size + 1]: the longest text that both begins and ends the first k bytes */
} StopString;

typedef struct StopStrings {
    StopString *all;
    int64_t count, longest;
} StopStrings;

/* Borrows the texts. E_ARG: one is empty. Lives in a. */
Status stop_strings_open(StopStrings *s, Arena *a, const char *const *texts, int64_t count);

/* The search in one text. */
typedef struct StopFinder {
    const StopStrings *strings;
    int64_t *matched; /* [count]: bytes of each that the text ends with */
    char *held;       /* [longest] */
    int64_t held_count;
    bool found;
} StopFinder;

Status stop_finder_open(StopFinder *f, Arena *a, const StopStrings *s);

/* Holds one more byte of the text; returns how many bytes at the front of `held` are text for
 * certain. stop_finder_release() takes them out. Sets found, and then the other bytes are of a
 * stop string. */
int64_t stop_finder_add(StopFinder *f, char byte);
void stop_finder_release(StopFinder *f, int64_t count);

/* to: opened with the same strings. */
void stop_finder_copy(StopFinder *to, const StopFinder *from);

#endif

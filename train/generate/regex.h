/* Regular expressions as automata that are stepped byte by byte: deterministic, built whole from
 * the pattern (Thompson 1968; the subset construction of Rabin & Scott 1959), with limits on size
 * and work. regex_tree.h has the syntax. A text matches if the whole of it does. */
#ifndef TRAIN_GENERATE_REGEX_H
#define TRAIN_GENERATE_REGEX_H

#include "train/generate/regex_tree.h"

enum { REGEX_STATES_MAX = 4096, REGEX_DEAD = -1 };

typedef struct Regex {
    int32_t count;        /* states; a text begins in state 0 */
    int32_t (*next)[256]; /* [count]: the state after a byte, or REGEX_DEAD */
    bool *accepts;        /* [count]: the text so far matches */
} Regex;

/* E_ARG: what is wrong in the pattern, or it needs too many states. Lives in a. */
Status regex_open(Regex *r, Arena *a, const char *pattern);

#endif

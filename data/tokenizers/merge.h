/* The heart of byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909; on bytes, Radford et al. 2019): the
 * bytes of a piece are tokens at first; then, again and again, the pair of neighbours of lowest rank (the
 * leftmost of equals) becomes one token, until no pair has a rank. */
#ifndef DATA_TOKENIZERS_MERGE_H
#define DATA_TOKENIZERS_MERGE_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Merge {
    uint64_t pair;       /* left << 32 | right */
    int32_t rank, token; /* token < 0: a free slot */
} Merge;

/* Only read once it is made: by any number of threads. */
typedef struct Merges {
    Merge *slots;
    int64_t room, used, expected;
} Merges;

/* Room for `count` merges. E_NOMEM. */
Status merges_open(Merges *m, Arena *a, int64_t count);

/* left and right, side by side, become token; of a pair that is there already the last holds. */
void merges_add(Merges *m, int32_t left, int32_t right, int32_t rank, int32_t token);

/* Merges what is in tokens (count of them) in place and returns how many remain. E_NOMEM leaves *count. */
Status merges_apply(const Merges *m, int32_t *tokens, int64_t *count);

#endif

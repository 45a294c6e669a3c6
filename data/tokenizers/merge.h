/* The merges of byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909; on bytes, Radford et al.
 * 2019): the tokens of a pre-token are its bytes at first; then the pair of neighbours with the
 * lowest rank (of equals the leftmost) becomes one token, until no pair has a rank. */
#ifndef DATA_TOKENIZERS_MERGE_H
#define DATA_TOKENIZERS_MERGE_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct Merge {
    uint64_t pair;       /* left << 32 | right */
    int32_t rank, token; /* token < 0: a free slot */
} Merge;

/* A hash table of pairs. Thread-safe once it is complete. */
typedef struct Merges {
    Merge *slots;
    int64_t room, used, expected;
} Merges;

/* Room for `count` merges. E_NOMEM. */
Status merges_open(Merges *m, Arena *a, int64_t count);

/* Adds or replaces a merge: left and right become token. */
void merges_add(Merges *m, int32_t left, int32_t right, int32_t rank, int32_t token);

/* Merges tokens [*count] in place and updates *count. E_NOMEM leaves *count. */
Status merges_apply(const Merges *m, int32_t *tokens, int64_t *count);

#endif

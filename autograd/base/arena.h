/* An arena: memory that is allocated in parts and freed all at once.
 *
 * The library allocates through arena_take() only, so a test can make every allocation fail in turn
 * (tests/test_faults.c). A reset keeps the blocks: an arena that is used the same way each time
 * stops growing after the first. Large blocks ask for huge pages, because page faults on small ones
 * cost more than the arithmetic. One thread at a time. */
#ifndef AUTOGRAD_BASE_ARENA_H
#define AUTOGRAD_BASE_ARENA_H

#include <stdint.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *first, *current;
    int64_t used;     /* bytes of the current block given out */
    int64_t reserved; /* bytes of all blocks: address space, not memory */
    int64_t taken;    /* bytes given out since the last reset */
    int64_t most;     /* largest that taken ever was: what the arena costs in memory */
} Arena;

void *arena_take(Arena *a, int64_t size);  /* not cleared, 64-byte aligned; NULL: out of memory */
void *arena_zero(Arena *a, int64_t size);  /* the same, cleared */
char *arena_text(Arena *a, const char *s); /* a copy of s */
void arena_reset(Arena *a);                /* frees everything, keeps the blocks */
void arena_free(Arena *a);                 /* gives the blocks back; leaves an empty arena */

extern _Thread_local int64_t arena_fuse; /* for tests: this many more succeed; negative: all */

#endif

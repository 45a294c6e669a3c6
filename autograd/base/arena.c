#include "autograd/base/arena.h"

#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, BLOCK_MIN = 1 << 20, HUGE = 2 << 20, GROWTH_MAX = 1 << 30 };

struct ArenaBlock {
    ArenaBlock *next;
    int64_t size; /* of bytes[] */
    int64_t mapped;
    _Alignas(ALIGN) unsigned char bytes[];
};

_Thread_local int64_t arena_fuse = -1;

static ArenaBlock *block_map(Arena *a, int64_t size)
{
    int64_t mapped = size + (int64_t)sizeof(ArenaBlock);
    if (mapped < BLOCK_MIN) mapped = BLOCK_MIN;
    if (mapped >= HUGE) mapped = (mapped + HUGE - 1) / HUGE * HUGE;

    ArenaBlock *b =
        mmap(NULL, (size_t)mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED) return NULL;
    if (mapped >= HUGE) madvise(b, (size_t)mapped, MADV_HUGEPAGE); /* advice: may fail */
    b->mapped = mapped;
    b->size = mapped - (int64_t)sizeof(ArenaBlock);
    a->reserved += b->size;
    return b;
}

/* Each block is as large as all blocks before it together, if the system grants that, so the number
 * of blocks stays small. Pages that are never touched cost no memory. */
static ArenaBlock *block_new(Arena *a, int64_t size)
{
    const int64_t grown = a->reserved < GROWTH_MAX ? a->reserved : GROWTH_MAX;
    ArenaBlock *b = grown > size ? block_map(a, grown) : NULL;
    return b ? b : block_map(a, size);
}

/* Moves to the next block, and inserts a new one first if the next is smaller than size. */
static ArenaBlock *advance(Arena *a, int64_t size)
{
    ArenaBlock **link = a->current ? &a->current->next : &a->first;
    if (!*link || (*link)->size < size) {
        ArenaBlock *b = block_new(a, size);
        if (!b) return NULL;
        b->next = *link;
        *link = b;
    }
    a->current = *link;
    a->used = 0;
    return a->current;
}

void *arena_take(Arena *a, int64_t size)
{
    if (arena_fuse == 0 || size < 0 || size > INT64_MAX / 2) return NULL;
    if (arena_fuse > 0) arena_fuse--;

    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (!a->current || a->used + size > a->current->size)
        if (!advance(a, size)) return NULL;
    void *memory = a->current->bytes + a->used;
    a->used += size;
    a->taken += size;
    if (a->taken > a->most) a->most = a->taken;
    return memory;
}

void *arena_zero(Arena *a, int64_t size)
{
    void *memory = arena_take(a, size);
    return memory ? memset(memory, 0, (size_t)size) : NULL;
}

char *arena_text(Arena *a, const char *s)
{
    int64_t size = (int64_t)strlen(s) + 1;
    char *copy = arena_take(a, size);
    return copy ? memcpy(copy, s, (size_t)size) : NULL;
}

void arena_reset(Arena *a)
{
    a->current = a->first;
    a->used = a->taken = 0;
}

void arena_free(Arena *a)
{
    for (ArenaBlock *b = a->first, *next; b; b = next) {
        next = b->next;
        munmap(b, (size_t)b->mapped);
    }
    *a = (Arena){0};
}

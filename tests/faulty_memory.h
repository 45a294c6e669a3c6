/* Memory of which the n-th piece is not given. malloc() and its like are this program's, so those of jansson
 * count as well, but not HDF5's and libgomp's, which do not live through it: for them, limit the address space.
 * Where a sanitizer has malloc(), and for arenas, which map their own, it is arena_take()'s n-th
 * (autograd/base/arena.h). */
#ifndef TESTS_FAULTY_MEMORY_H
#define TESTS_FAULTY_MEMORY_H

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int64_t memory_left = -1; /* this many more are given; negative: all */
static bool memory_stays;        /* and none after it */
static bool memory_burnt;        /* one was not given */

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
enum { MEMORY_COUNTS = true };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool memory_is_out(void *caller)
{
    Dl_info who;
    if (memory_left < 0) return false;
    if (dladdr(caller, &who) && (strstr(who.dli_fname, "hdf5") || strstr(who.dli_fname, "gomp")))
        return false;
    if (memory_left-- > 0) return false;
    memory_left = memory_stays ? 0 : -1;
    memory_burnt = true;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return memory_is_out(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return memory_is_out(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return memory_is_out(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
/* HDF5's own goes by here. */
char *strdup(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = memory_is_out(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}
#else
enum { MEMORY_COUNTS = false };
#endif

#endif

/* Threads: how many there are, and a loop over blocks of work.
 *
 * Two uses, never nested: microbatches of a batch, each serial on its thread
 * (train/step/microbatches.h), or, when there are fewer microbatches than threads, the blocks of
 * one op. Results have the same bits on any number of threads, because blocks do not depend on how
 * many threads there are. */
#ifndef AUTOGRAD_BASE_THREADS_H
#define AUTOGRAD_BASE_THREADS_H

#include <stdint.h>

enum { THREADS_MAX = 256 };

int threads_cores(void);     /* cores that this process may use */
int threads_default(void);   /* OMP_NUM_THREADS, or, if that is not set, one per core */
void threads_set(int count); /* 0: threads_default(). The only global state */
int threads_count(void);

/* How many threads a threads_range() called here would use: 1 inside another one. Sizes scratch. */
int threads_team(void);

/* Work on [begin, end) by worker 0 .. threads_team() - 1. */
typedef void (*RangeWork)(const void *context, int64_t begin, int64_t end, int worker);

/* Cuts [0, count) into blocks of `block` (the last one shorter) and works on each once. Must not
 * fail. Free workers take the next block, so results must not depend on which worker gets which. */
void threads_range(int64_t count, int64_t block, RangeWork work, const void *context);

#endif

/* Chunks: parts of one parameter, cut at fixed offsets in the block of all numbers. Sums over
 * chunks, added in order, have the same bits on any number of threads. */
#ifndef OPTIM_PARAM_CHUNKS_H
#define OPTIM_PARAM_CHUNKS_H

#include "autograd/params.h"

/* A block is small enough to balance threads, and large enough that scheduling costs nothing. */
enum { CHUNK_BLOCK = 1 << 16, CHUNKS_AT_ONCE = 256, CHUNK_SUMS = 3 };

typedef struct ParamChunk {
    const Param *param;
    int64_t number;     /* index of the parameter, in the order declared */
    int64_t begin, end; /* in the block of all numbers */
    double sum[CHUNK_SUMS];
} ParamChunk;

/* Where the next chunks begin: {p->first} at first. */
typedef struct ParamChunkCursor {
    const Param *param; /* NULL: there are no more */
    int64_t number, done;
} ParamChunkCursor;

/* Makes up to CHUNKS_AT_ONCE more chunks, of one parameter (of_one) or of all that follow; returns
 * their number. */
int param_chunks_next(ParamChunkCursor *at, bool of_one, ParamChunk chunks[CHUNKS_AT_ONCE]);

#endif

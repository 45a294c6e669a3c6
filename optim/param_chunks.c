#include "optim/param_chunks.h"

int param_chunks_next(ParamChunkCursor *at, bool of_one, ParamChunk chunks[CHUNKS_AT_ONCE])
{
    const int64_t last = at->number;
    int count = 0;
    while (at->param && count < CHUNKS_AT_ONCE && !(of_one && at->number > last)) {
        const Tensor *x = &at->param->tensor;
        const int64_t begin = x->offset + at->done, after = x->offset + shape_count(x->shape),
                      next = (begin / CHUNK_BLOCK + 1) * CHUNK_BLOCK,
                      end = next < after ? next : after;
        chunks[count++] = (ParamChunk){at->param, at->number, begin, end, {0}};
        at->done = end - x->offset;
        if (end < after) continue;
        at->done = 0;
        at->number++;
        at->param = at->param->next;
    }
    return count;
}

#include <string.h>

#include "autograd/base/rng.h"
#include "data/batch_internal.h"

/* The number of prompt tokens of a chunk, which have no loss. */
static int64_t prompt_of(const Batches *b, const PackChunk *p, int64_t epoch)
{
    const int64_t length = p->end - p->begin;
    if (b->config->objective != OBJECTIVE_prefix) return 0;
    if (b->config->prefix_split == PREFIX_SPLIT_random) {
        const Rng r = rng_stream(b->seed, "data.prefix");
        return length < 2 ? 0
                          : 1 + (int64_t)rng_below(r, (uint64_t)p->begin, (uint64_t)epoch,
                                                   (uint64_t)length - 1);
    }
    const int64_t left = b->split->prefixes[p->document] - (p->begin - p->document_begin);
    return left < 0 ? 0 : left < length ? left : length;
}

/* Fills the rows of one chunk from `row` on, in a segment whose first row is `segment`. */
static Status fill_chunk(const Batches *b, const PackChunk *p, int64_t epoch, int64_t row,
                         int64_t segment, Batch *out)
{
    const Split *split = b->split;
    const int64_t length = p->end - p->begin, prompt = prompt_of(b, p, epoch), at = row - segment;
    const bool is_later = p->begin > p->document_begin,
               bidirectional = b->config->prefix_attention == PREFIX_ATTENTION_bidirectional;
    const int64_t seen = bidirectional && prompt ? prompt + 1 : 0; /* by each of rows 0 .. prompt */

    TRY(dataset_touch(b->dataset, split, p->begin - is_later, p->end));
    for (int64_t i = 0; i < length; i++, row++) {
        const bool has_loss = i >= prompt;
        const int64_t past = i < seen ? seen : i + 1;
        out->inputs[row] = i || is_later ? split_token(split, p->begin + i - 1) : b->begin_of_text;
        out->targets[row] = has_loss ? split_token(split, p->begin + i) : -1;
        out->origins[row] = has_loss ? p->begin + i : -1;
        out->positions[row] = (int32_t)(at + i);
        out->first[row] = 0;
        out->end[row] = (int32_t)(at + (past < length ? past : length));
        out->loss_tokens += has_loss;
    }
    if (out->has_weights) batch_weigh(out, row - length, length);
    return OK;
}

static void fill_empty(int64_t row, int64_t end, Batch *out)
{
    for (int32_t i = 0; row < end; i++, row++) {
        out->inputs[row] = 0;
        out->targets[row] = -1;
        out->origins[row] = -1;
        out->positions[row] = i;
        out->first[row] = out->end[row] = 0;
        if (out->has_weights) out->weights[row] = 0;
    }
}

Status batch_fill_pack(const Batches *b, int64_t pack, int64_t epoch, int64_t s, Batch *out)
{
    const bool mask = b->config->document_mask, is_there = pack < b->windows;
    const int64_t begin = s * b->context, end = begin + b->context;
    const int64_t first = is_there ? b->packs.starts[pack] : 0,
                  last = is_there ? b->packs.starts[pack + 1] : 0;
    int64_t row = begin, segment = begin;
    int32_t segments = out->segment_index[s];

    for (int64_t i = first; i < last; i++) {
        const PackChunk chunk = packs_chunk(&b->packs, i);
        if (mask || i == first) {
            segment = row;
            out->segment_starts[segments++] = (int32_t)row;
        }
        TRY(fill_chunk(b, &chunk, epoch, row, segment, out));
        row += chunk.end - chunk.begin;
    }
    if (row < end) out->segment_starts[segments++] = (int32_t)row;
    fill_empty(row, end, out);
    out->segment_index[s + 1] = segments;
    out->segment_starts[segments] = (int32_t)end;
    return OK;
}

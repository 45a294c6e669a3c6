#include "train/monitor/document_span.h"

/* Rows before `row` that are its document's prompt: without a loss, in the same segment, and not
 * more than the document has tokens. A row without a loss that ends a segment is nobody's. */
static int64_t prompt_rows(const Batch *b, const Split *s, int64_t row, int64_t segment)
{
    const int64_t before =
        b->origins[row] - (int64_t)s->offsets[split_document(s, b->origins[row])];
    int64_t count = 0;
    while (row - count > segment && count < before && b->origins[row - count - 1] < 0) count++;
    return count;
}

/* Spans of the rows [begin, end), a segment; out NULL: only counts them. */
static int64_t of_segment(const Batch *b, const Split *s, int64_t sequence, int64_t begin,
                          int64_t end, DocumentSpan *out)
{
    int64_t count = 0, limit = -1, last = 0; /* of the last span: its document's end, and row */
    for (int64_t row = begin; row < end; row++) {
        const int64_t token = b->origins[row];
        if (token < 0) continue;
        if (token >= limit || token - b->origins[last] != row - last) {
            const int64_t document = split_document(s, token);
            limit = (int64_t)s->offsets[document + 1];
            if (out) {
                const int64_t prompt = prompt_rows(b, s, row, begin);
                out[count] = (DocumentSpan){.document = document,
                                            .sequence = sequence,
                                            .row = row - prompt,
                                            .token_begin = token - prompt};
            }
            count++;
        }
        last = row;
        if (!out) continue;
        out[count - 1].end = row + 1;
        out[count - 1].token_end = token + 1;
        out[count - 1].losses++;
    }
    return count;
}

static int64_t find_spans(const Batch *b, const Split *s, DocumentSpan *out)
{
    int64_t count = 0;
    for (int64_t q = 0; q < b->sequences; q++)
        for (int32_t i = b->segment_index[q]; i < b->segment_index[q + 1]; i++)
            count += of_segment(b, s, q, b->segment_starts[i], b->segment_starts[i + 1],
                                out ? out + count : NULL);
    return count;
}

Status document_spans(const Batch *b, const Split *s, Arena *a, DocumentSpan **out, int64_t *count)
{
    *count = find_spans(b, s, NULL);
    *out = arena_take(a, (*count + 1) * (int64_t)sizeof **out);
    if (!*out) return FAIL(E_NOMEM, "the %lld documents of a batch", (long long)*count);
    find_spans(b, s, *out);
    return OK;
}

int32_t document_span_token(const Batch *b, const DocumentSpan *p, int64_t r)
{
    return b->targets[r] >= 0 || r + 1 >= p->end ? b->targets[r] : b->inputs[r + 1];
}

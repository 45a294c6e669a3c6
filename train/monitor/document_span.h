/* Document spans: which rows of a batch belong to which document.
 *
 * A span is a range of rows of one sequence whose targets are tokens of one document; rows of its
 * prompt, which have no loss, come first. Every row with a loss is in exactly one span. */
#ifndef TRAIN_MONITOR_DOCUMENT_SPAN_H
#define TRAIN_MONITOR_DOCUMENT_SPAN_H

#include "data/batch.h"

typedef struct DocumentSpan {
    int64_t document;               /* index in the split, from 0 */
    int64_t sequence, row, end;     /* rows [row, end) of the batch */
    int64_t losses;                 /* rows with a loss */
    int64_t token_begin, token_end; /* their targets, prompt included: tokens of the split */
} DocumentSpan;

/* All spans of a batch, in the order of rows, in a. E_NOMEM. */
Status document_spans(const Batch *b, const Split *s, Arena *a, DocumentSpan **out, int64_t *count);

/* The token after row r of a span: its target, whether or not it has a loss. */
int32_t document_span_token(const Batch *b, const DocumentSpan *p, int64_t r);

#endif

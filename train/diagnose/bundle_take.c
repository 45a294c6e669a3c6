/* Fills a bundle from the current step of a run: its documents, and how much of the loss each
 * caused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/diagnose/bundle.h"
#include "train/monitor/document_span.h"

enum { TEXT_ROOM = 400, LOOK_BACK_MAX = 1 << 26 };

/* A text of limited size. */
typedef struct Out {
    char *text;
    size_t used, room;
} Out;

static bool append(Out *o, const char *bytes, size_t size)
{
    if (o->used + size >= o->room) return false;
    memcpy(o->text + o->used, bytes, size);
    o->used += size;
    o->text[o->used] = '\0';
    return true;
}

/* Raw bytes as UTF-8; invalid bytes as \xNN. */
static void append_clean(Out *o, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size;) {
        const int length = text_utf8_length(bytes + i, size - i);
        char shown[8];
        snprintf(shown, sizeof shown, "\\x%02X", bytes[i]);
        const bool clean = length > 0 && bytes[i];
        if (!append(o, clean ? (const char *)bytes + i : shown, clean ? (size_t)length : 4)) return;
        i += clean ? (size_t)length : 1;
    }
}

static Status text_of(Bundle *b, const Batch *batch, const DocumentSpan *p, const Tokenizer *t,
                      const char **text)
{
    unsigned char raw[TEXT_ROOM];
    size_t used = 0;
    Out out = {arena_zero(&b->arena, 4 * TEXT_ROOM + 8), 0, 4 * TEXT_ROOM + 8};
    if (!out.text) return FAIL(E_NOMEM, "a document's text");
    for (int64_t row = p->row; row < p->end; row++) {
        const int32_t token = document_span_token(batch, p, row);
        char number[16];
        int64_t size = snprintf(number, sizeof number, "%d ", (int)token);
        const char *bytes = t ? tokenizer_bytes(t, token, &size) : number;
        if (used + (size_t)size > sizeof raw) break;
        if (size) memcpy(raw + used, bytes, (size_t)size);
        used += (size_t)size;
    }
    append_clean(&out, raw, used);
    *text = out.text;
    return OK;
}

/* The size in bytes of the text of the tokens [begin, end) of the split. */
static Status bytes_of(const Run *r, const Tokenizer *t, int64_t begin, int64_t end, int64_t *bytes)
{
    const Split *s = r->train.split;
    TRY(dataset_touch(&r->dataset, s, begin, end));
    *bytes = 0;
    for (int64_t i = begin; i < end; i++) {
        int64_t size;
        tokenizer_bytes(t, split_token(s, i), &size);
        *bytes += size;
    }
    return OK;
}

static Status locate(const Run *r, const Tokenizer *t, BundleDocument *d)
{
    const int64_t begin = (int64_t)r->train.split->offsets[d->document];
    int64_t size = 0;
    d->byte_begin = d->byte_end = -1;
    if (!t || d->token_begin - begin > LOOK_BACK_MAX) return OK;
    TRY(bytes_of(r, t, begin, d->token_begin, &d->byte_begin));
    TRY(bytes_of(r, t, d->token_begin, d->token_end, &size));
    d->byte_end = d->byte_begin + size;
    return OK;
}

static Status fill(Bundle *b, const Run *r, const DocumentSpan *p, const Tokenizer *t,
                   BundleDocument *d)
{
    *d = (BundleDocument){.document = p->document,
                          .token_begin = p->token_begin,
                          .token_end = p->token_end,
                          .sequence = p->sequence,
                          .row = p->row,
                          .rows = p->losses};
    double sum = 0;
    for (int64_t row = p->row; row < p->end; row++)
        if (r->batch.targets[row] >= 0) sum += b->row_loss[row];
    d->loss = sum / (double)d->rows;
    d->excess = sum - (double)d->rows * b->baseline_loss;
    TRY(locate(r, t, d));
    return text_of(b, &r->batch, p, t, &d->text);
}

/* By decreasing surprise: the excess of n ordinary tokens grows as sqrt(n), hence the division. NaN
 * comes first. */
static int by_surprise(const void *a, const void *b)
{
    const BundleDocument *x = a, *y = b;
    const double left = isfinite(x->excess) ? x->excess / sqrt((double)x->rows) : INFINITY,
                 right = isfinite(y->excess) ? y->excess / sqrt((double)y->rows) : INFINITY;
    if (left != right) return left < right ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static void share_out(Bundle *b)
{
    double all = 0;
    for (int64_t i = 0; i < b->documents; i++)
        if (!(b->document[i].excess < 0)) all += b->document[i].excess;
    for (int64_t i = 0; i < b->documents; i++) {
        BundleDocument *d = &b->document[i];
        d->share = !isfinite(all) ? NAN : d->excess > 0 ? d->excess / all : 0;
    }
}

static Status copy_batch(Bundle *b, const Batch *batch, const real *row_loss)
{
    const int64_t rows = batch->sequences * batch->context;
    b->rows = rows;
    b->sequences = batch->sequences;
    b->context = batch->context;
    b->inputs = arena_take(&b->arena, rows * (int64_t)sizeof *b->inputs);
    b->targets = arena_take(&b->arena, rows * (int64_t)sizeof *b->targets);
    b->row_loss = arena_take(&b->arena, rows * (int64_t)sizeof *b->row_loss);
    if (!b->inputs || !b->targets || !b->row_loss)
        return FAIL(E_NOMEM, "a batch of %lld rows", (long long)rows);
    memcpy(b->inputs, batch->inputs, (size_t)rows * sizeof *b->inputs);
    memcpy(b->targets, batch->targets, (size_t)rows * sizeof *b->targets);
    for (int64_t i = 0; i < rows; i++) b->row_loss[i] = (double)row_loss[i];
    return OK;
}

Status bundle_documents(Bundle *b, const Run *r, const real *row_loss)
{
    Tokenizer *t = NULL;
    DocumentSpan *spans;
    const Dataset *d = &r->dataset;
    b->split = r->train.split->name;
    b->dataset = arena_text(&b->arena, d->digest);
    if (!b->dataset) return FAIL(E_NOMEM, "a bundle");
    if (!isfinite(b->baseline_loss)) b->baseline_loss = isfinite(r->loss) ? r->loss : 0;
    TRY(copy_batch(b, &r->batch, row_loss));
    TRY(document_spans(&r->batch, r->train.split, &b->arena, &spans, &b->documents));
    if (d->tokenizer) TRY(tokenizer_parse(&b->arena, d->tokenizer, d->tokenizer_size, d->path, &t));
    b->document = arena_take(&b->arena, (b->documents + 1) * (int64_t)sizeof *b->document);
    if (!b->document) return FAIL(E_NOMEM, "%lld documents", (long long)b->documents);
    for (int64_t i = 0; i < b->documents; i++) TRY(fill(b, r, &spans[i], t, &b->document[i]));
    qsort(b->document, (size_t)b->documents, sizeof *b->document, by_surprise);
    share_out(b);
    return OK;
}

/* The median of the losses accepted before; if there are too few, the mean loss per token. */
static double baseline_loss(const Run *r)
{
    const double median = window_median(&r->monitor.detector.loss);
    return isfinite(median) ? median : isfinite(r->loss) ? r->loss : 0;
}

static Status copy_history(Bundle *b, const History *h)
{
    const int64_t rows = history_rows(h);
    TRY(history_open(&b->history, &b->arena, rows ? rows : 1, h->layers, h->params));
    for (int64_t i = 0; i < rows; i++)
        memcpy(history_add(&b->history), history_row(h, i),
               (size_t)h->columns * sizeof *b->history.data);
    return OK;
}

Status bundle_take(Bundle *b, const Run *r)
{
    const Monitor *m = &r->monitor;
    const Judgement *j = &m->judgement;
    if (!m->config)
        return FAIL(E_CONFIG, "monitor.action = off: the run has no measurements to explain");
    b->step = j->step;
    b->batch_index = j->batch_index;
    b->flag = j->severe && j->finding.flag == SPIKE_NONE ? BUNDLE_ATTENTION
                                                         : spike_class_name(j->finding.flag);
    b->rule = rule_text(m->config->rule);
    b->action = j->verdict == VERDICT_SKIP     ? "skipped"
                : j->verdict == VERDICT_REWIND ? "rewound"
                : j->verdict == VERDICT_STOP   ? "stopped"
                : j->limit < j->grad_norm      ? "clipped"
                                               : "taken";
    b->message = arena_text(&b->arena, j->message);
    b->finding = r->finding;
    b->baseline_loss = baseline_loss(r);
    if (!b->message) return FAIL(E_NOMEM, "a bundle");
    TRY(bundle_documents(b, r, m->stats.row_loss));
    TRY(copy_history(b, &m->history));
    return bundle_params(b, &r->params);
}

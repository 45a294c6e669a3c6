#include "train/run/evaluate.h"

#include <math.h>
#include <string.h>

#include "data/tokenizer.h"
#include "train/step/microbatches.h"
#include "train/support/clock.h"

static void show(const EvaluateOptions *o, int64_t i, int64_t count, double *shown)
{
    const double now = clock_seconds();
    if (!o->progress || (now - *shown < 0.2 && i < count)) return;
    *shown = now;
    fprintf(o->progress, i < count ? "\reval %lld/%lld" : "\r\033[K", (long long)i,
            (long long)count);
    fflush(o->progress);
}

/* The size of each token in bytes; NULL if the dataset has no tokenizer. */
static Status token_sizes(const Dataset *d, Arena *a, int64_t **sizes)
{
    Tokenizer *t;
    *sizes = NULL;
    if (!d->tokenizer) return OK;
    TRY(tokenizer_parse(a, d->tokenizer, d->tokenizer_size, d->path, &t));
    *sizes = arena_zero(a, d->vocab_size * (int64_t)sizeof **sizes);
    if (!*sizes) return FAIL(E_NOMEM, "sizes of %lld tokens", (long long)d->vocab_size);
    for (int64_t i = 0; i < d->vocab_size; i++) tokenizer_bytes(t, (int32_t)i, &(*sizes)[i]);
    return OK;
}

/* The bin of a position in a document. */
static int64_t bin_of(int64_t position)
{
    if (position < POSITION_BINS_SINGLE) return position;
    return POSITION_BINS_SINGLE + (63 - __builtin_clzll((unsigned long long)position)) - 6;
}

static void begin_positions(PositionLoss *positions)
{
    for (int64_t i = 0; i < POSITION_BINS; i++) {
        const int64_t from =
            i < POSITION_BINS_SINGLE ? i : INT64_C(64) << (i - POSITION_BINS_SINGLE);
        positions[i] = (PositionLoss){.from = from};
        if (i) positions[i - 1].to = from;
    }
    positions[POSITION_BINS - 1].to = INT64_MAX;
}

/* Adds the losses of a batch's rows to their positions and documents. */
static void add_rows(const EvaluateOptions *o, const Split *split, const Batch *b,
                     const real *row_loss)
{
    for (int64_t row = 0; row < b->sequences * b->context; row++) {
        if (b->origins[row] < 0) continue;
        const int64_t document = split_document(split, b->origins[row]),
                      position = b->origins[row] - (int64_t)split->offsets[document];
        if (o->tokens) o->tokens[b->origins[row]] = row_loss[row];
        if (o->positions) {
            o->positions[bin_of(position)].tokens++;
            o->positions[bin_of(position)].sum += (double)row_loss[row];
        }
        if (o->documents) {
            o->documents[document].tokens++;
            o->documents[document].sum += (double)row_loss[row];
        }
    }
}

typedef struct Evaluator {
    Arena arena;
    Batches batches;
    Batch batch;
    Microbatches *microbatches;
    int64_t *sizes;
    real *row_loss; /* NULL: not wanted */
} Evaluator;

static Status open_evaluator(Evaluator *e, Params *p, const Config *c, const Dataset *d,
                             const Split *split, const EvaluateOptions *o)
{
    const int64_t rows = c->train.batch * c->model.context;
    TRY(batches_open(&e->batches, d, split, &c->data, c->model.context, c->train.batch,
                     (uint64_t)c->train.seed));
    if (o->stride) TRY(batches_set_stride(&e->batches, o->stride));
    TRY(batch_alloc(&e->batch, &e->arena, c->train.batch, c->model.context));
    TRY(token_sizes(d, &e->arena, &e->sizes));
    if (o->positions) begin_positions(o->positions);
    if (o->documents) memset(o->documents, 0, (size_t)split->documents * sizeof *o->documents);
    for (int64_t i = 0; o->tokens && i < split->count; i++) o->tokens[i] = (real)NAN;
    if (o->positions || o->documents || o->tokens) {
        e->row_loss = arena_take(&e->arena, rows * (int64_t)sizeof *e->row_loss);
        if (!e->row_loss) return FAIL(E_NOMEM, "losses of %lld rows", (long long)rows);
    }
    return microbatches_open(&e->microbatches, p, c->train.microbatches, c->train.groups);
}

static Status run(Evaluator *e, const Gpt *model, const EvaluateOptions *o, Evaluation *out)
{
    Batch *b = &e->batch;
    const int64_t count = batches_eval_count(&e->batches);
    double total = 0, shown = clock_seconds();
    for (int64_t i = 0; i < count; i++) {
        double sum;
        if (o->stop && *o->stop) return FAIL(E_INTERRUPTED, "eval");
        show(o, i, count, &shown);
        TRY(batches_eval(&e->batches, i, b));
        TRY(microbatches_loss(e->microbatches, model, b, &sum, e->row_loss));
        total += sum;
        out->tokens += b->loss_tokens;
        if (e->row_loss) add_rows(o, e->batches.split, b, e->row_loss);
        for (int64_t row = 0; e->sizes && row < b->sequences * b->context; row++)
            if (b->targets[row] >= 0) out->bytes += e->sizes[b->targets[row]];
    }
    show(o, count, count, &shown);
    if (!out->tokens)
        return FAIL(E_CONFIG,
                    "no token of %s has a loss: its documents have at most one token, or are cut "
                    "within their prompts by model.context",
                    e->batches.split->name);
    out->loss = total / (double)out->tokens;
    out->perplexity = exp(out->loss);
    out->bits_per_byte = out->bytes ? total / (log(2) * (double)out->bytes) : NAN;
    return OK;
}

Status evaluate(const Gpt *model, Params *p, const Config *c, const Dataset *d, const Split *split,
                const EvaluateOptions *o, Evaluation *out)
{
    const double begin = clock_seconds();
    Evaluator e = {0};
    *out = (Evaluation){0};
    Status status = open_evaluator(&e, p, c, d, split, o);
    if (status == OK) status = run(&e, model, o, out);
    microbatches_close(e.microbatches);
    batches_close(&e.batches);
    arena_free(&e.arena);
    out->seconds = clock_seconds() - begin;
    return status;
}

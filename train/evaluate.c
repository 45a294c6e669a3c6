#include "train/evaluate.h"

#include <math.h>

#include "data/tokenizer.h"
#include "train/lanes.h"
#include "train/progress.h"

static void show(const EvaluateOptions *o, int64_t i, int64_t count, double *shown)
{
    const double now = clock_seconds();
    if (!o->progress || (now - *shown < 0.2 && i < count)) return;
    *shown = now;
    fprintf(o->progress, i < count ? "\reval %lld/%lld" : "\r\033[K", (long long)i,
            (long long)count);
    fflush(o->progress);
}

/* How many bytes each token stands for; NULL if the dataset does not say. */
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

static Status run(const Batches *batches, Batch *b, const int64_t *sizes, Lanes *lanes,
                  const Gpt *model, const EvaluateOptions *o, Evaluation *out)
{
    const int64_t count = batches_eval_count(batches);
    double total = 0, shown = clock_seconds();
    for (int64_t i = 0; i < count; i++) {
        double sum;
        if (o->stop && *o->stop) return FAIL(E_INTERRUPTED, "eval");
        show(o, i, count, &shown);
        TRY(batches_eval(batches, i, b));
        TRY(lanes_loss(lanes, model, b, &sum, NULL));
        total += sum;
        out->tokens += b->loss_tokens;
        for (int64_t row = 0; sizes && row < b->sequences * b->context; row++)
            if (b->targets[row] >= 0) out->bytes += sizes[b->targets[row]];
    }
    show(o, count, count, &shown);
    out->loss = out->tokens ? total / (double)out->tokens : NAN;
    out->perplexity = exp(out->loss);
    out->bits_per_byte = out->bytes ? total / (log(2) * (double)out->bytes) : NAN;
    return OK;
}

Status evaluate(const Gpt *model, Params *p, const Config *c, const Dataset *d, const Split *split,
                const EvaluateOptions *o, Evaluation *out)
{
    const double begin = clock_seconds();
    Arena arena = {0};
    Batches batches;
    Batch batch;
    Lanes *lanes = NULL;
    int64_t *sizes = NULL;
    *out = (Evaluation){0};
    Status status = batches_open(&batches, d, split, &c->data, c->model.context, c->train.batch,
                                 (uint64_t)c->train.seed);
    if (status == OK) status = batch_alloc(&batch, &arena, c->train.batch, c->model.context);
    if (status == OK) status = token_sizes(d, &arena, &sizes);
    if (status == OK) status = lanes_open(&lanes, p, config_leaves(c));
    if (status == OK) status = run(&batches, &batch, sizes, lanes, model, o, out);
    lanes_close(lanes);
    batches_close(&batches);
    arena_free(&arena);
    out->seconds = clock_seconds() - begin;
    return status;
}

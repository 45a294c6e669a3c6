#include "train/plan/leak.h"

#include <math.h>
#include <string.h>

#include "data/batch.h"
#include "train/step/model.h"

typedef struct Probe {
    const Config *config;
    Arena arena;
    Dataset dataset;
    Params params;
    Gpt model;
    Tape tape;
    int64_t window;     /* one with two documents */
    int32_t begin, end; /* rows of the first */
    int64_t documents;
    int64_t rows; /* of documents */
} Probe;

/* A config's batches of one sequence, with the mask or without. */
static Status open_batches(Probe *p, bool mask, DataConfig *config, Batches *batches, Batch *batch)
{
    const int64_t context = p->config->model.context;
    *config = p->config->data;
    config->document_mask = mask;
    *batches = (Batches){0};
    TRY(batch_alloc(batch, &p->arena, 1, context));
    return batches_open(batches, &p->dataset, &p->dataset.train, config, context, 1,
                        (uint64_t)p->config->train.seed);
}

/* Documents of a batch of one sequence, and where the first and the last of them end. */
static int64_t count_documents(Probe *p, const Batch *b)
{
    int64_t documents = 0;
    p->end = b->segment_starts[1];
    for (int32_t s = 0; s < b->segment_index[1]; s++) {
        const int32_t row = b->segment_starts[s];
        const bool is_empty = b->has_intervals && b->first[row] >= b->end[row];
        documents += !is_empty;
        if (!is_empty) p->rows = b->segment_starts[s + 1];
    }
    return documents;
}

/* The first sequence with two documents, the first of which has two rows, or one if there is no
 * other. */
static Status find(Probe *p)
{
    DataConfig config;
    Batches batches;
    Batch b;
    Status status = open_batches(p, true, &config, &batches, &b);
    const int64_t count = status == OK ? batches_eval_count(&batches) : 0;
    bool found = false;
    for (int32_t least = 2; least > 0 && !found && status == OK; least--)
        for (int64_t i = 0; i < count && !found && status == OK; i++) {
            status = batches_eval(&batches, i, &b);
            p->window = i;
            p->documents = status == OK ? count_documents(p, &b) : 0;
            found = p->documents > 1 && p->end >= least;
        }
    batches_close(&batches);
    if (status == OK && !found)
        status = FAIL(E_CONFIG, "no sequence of %s holds two documents: there is nothing to leak",
                      p->config->data.path);
    return status;
}

/* The last hidden layer of a batch, in out [rows, width]. */
static Status forward(Probe *p, const Batch *b, real *out)
{
    tape_reset(&p->tape);
    const GptInput in = {.rows = b->context,
                         .tokens = b->inputs,
                         .positions = b->positions,
                         .attention = {.segments = b->segment_index[1],
                                       .queries = b->segment_starts,
                                       .keys = b->segment_starts,
                                       .first = b->has_intervals ? b->first : NULL,
                                       .end = b->has_intervals ? b->end : NULL}};
    const Tensor *x = gpt_forward(&p->model, &p->tape, &in);
    TRY(p->tape.status);
    memcpy(out, x->data, (size_t)(b->context * p->config->model.width) * sizeof *out);
    return OK;
}

static double largest_change(const real *a, const real *b, int64_t begin, int64_t end)
{
    double most = 0;
    for (int64_t i = begin; i < end; i++) {
        const double change = fabs((double)a[i] - (double)b[i]);
        if (change > most) most = change; /* gcc 12 for AArch64 fails at fmax() here */
    }
    return most;
}

static Status compare(Probe *p, const Batches *batches, Batch *b, double *inside, double *outside)
{
    const int64_t width = p->config->model.width, size = b->context * width;
    real *before = arena_take(&p->arena, size * (int64_t)sizeof *before);
    real *after = arena_take(&p->arena, size * (int64_t)sizeof *after);
    if (!before || !after) return FAIL(E_NOMEM, "leak test");
    TRY(batches_eval(batches, p->window, b));
    TRY(forward(p, b, before));
    for (int32_t i = 0; i < p->end; i++)
        b->inputs[i] = (int32_t)((b->inputs[i] + 1 + i) % p->model.vocab_size);
    TRY(forward(p, b, after));
    *inside = largest_change(before, after, 0, p->end * width);
    *outside = largest_change(before, after, p->end * width, p->rows * width);
    return OK;
}

static Status test(Probe *p, LeakTest *out)
{
    const Config *c = p->config;
    TRY(dataset_open(&p->dataset, c->data.path));
    TRY(model_open(&p->model, &p->params, c, p->dataset.vocab_size, false));
    p->model.bf16 = false;
    params_init(&p->params, (uint64_t)c->train.seed);
    TRY(find(p));
    *out = (LeakTest){.window = p->window,
                      .documents = p->documents,
                      .changed = p->end,
                      .others = p->rows - p->end};
    for (int mask = 0; mask < 2; mask++) {
        DataConfig config;
        Batches batches;
        Batch batch;
        Status status = open_batches(p, mask, &config, &batches, &batch);
        if (status == OK)
            status =
                compare(p, &batches, &batch, &out->inside, mask ? &out->with_mask : &out->without);
        batches_close(&batches);
        TRY(status);
    }
    return OK;
}

Status leak_test(const Config *c, LeakTest *out)
{
    Probe p = {.config = c};
    const Status status = test(&p, out);
    tape_free(&p.tape);
    params_free(&p.params);
    dataset_close(&p.dataset);
    arena_free(&p.arena);
    return status;
}

#include "train/plan/account.h"

#include <string.h>

#include "layers/mlp.h"

#define X(constant, name, text) name,
static const char *const names[] = {FLOPS_LIST(X)};
#undef X
#define X(constant, name, text) text,
static const char *const texts[] = {FLOPS_LIST(X)};
#undef X

const char *flops_name(FlopsKind kind)
{
    return names[kind];
}

const char *flops_text(FlopsKind kind)
{
    return texts[kind];
}

bool flops_find(const char *name, FlopsKind *kind)
{
    for (int i = 0; i < FLOPS_COUNT; i++)
        if (!strcmp(names[i], name)) {
            *kind = (FlopsKind)i;
            return true;
        }
    return false;
}

static bool begins(const Param *one, const char *with)
{
    return !strncmp(one->name, with, strlen(with));
}

/* Numbers of a block's matrices. */
static double block_matrices(const GptConfig *c)
{
    const double width = (double)c->width,
                 kv_width = width / (double)c->heads * (double)c->kv_heads;
    return width * (2 * width + 2 * kv_width + (double)c->mlp_width * (mlp_is_gated(c) ? 3 : 2));
}

/* Of rows of which `losses` have a loss, and that see `pairs` keys in all. */
static double operations(const GptConfig *c, int64_t vocab_size, double rows, double losses,
                         double pairs)
{
    const double width = (double)c->width, layers = (double)c->layers;
    const double forward = 2 * rows * layers * block_matrices(c) + 4 * pairs * width * layers +
                           2 * losses * (double)vocab_size * width;
    return 3 * forward;
}

/* Keys that the rows of a batch see, all together. */
static double count_pairs(const Batch *b)
{
    double pairs = 0;
    for (int64_t i = 0; b->has_intervals && i < b->sequences * b->context; i++)
        if (b->end[i] > b->first[i]) pairs += b->end[i] - b->first[i];
    for (int64_t s = 0; !b->has_intervals && s < b->segment_index[b->sequences]; s++) {
        const double length = b->segment_starts[s + 1] - b->segment_starts[s];
        pairs += length * (length + 1) / 2;
    }
    return pairs;
}

double account_batch(const GptConfig *c, int64_t vocab_size, const Batch *b)
{
    return operations(c, vocab_size, (double)(b->sequences * b->context), (double)b->loss_tokens,
                      count_pairs(b));
}

double account_profile(const Profile *p)
{
    double sum = 0;
    for (int i = 0; i < p->count; i++)
        if (p->rows[i].pass == PASS_FORWARD || p->rows[i].pass == PASS_BACKWARD)
            sum += p->rows[i].work.operations;
    return sum;
}

void account_params(const GptConfig *c, int64_t vocab_size, const Params *p, Account *a)
{
    const double context = (double)c->context, scores = (double)(c->layers * c->width);
    int64_t unused = 0; /* by products: rows are looked up */
    *a = (Account){0};
    for (const Param *one = p->first; one; one = one->next) {
        const int64_t count = shape_count(one->tensor.shape);
        const bool is_looked_up = begins(one, "positions.") || begins(one, "embed.");
        a->params += count;
        if (is_looked_up || begins(one, "head.")) a->params_embedding += count;
        if (begins(one, "positions.") || (begins(one, "embed.") && !c->tied)) unused += count;
    }
    a->flops[FLOPS_6N] = 6 * (double)a->params;
    a->flops[FLOPS_NON_EMBEDDING] = 6 * (double)(a->params - a->params_embedding);
    a->flops[FLOPS_ATTENTION] = 6 * (double)(a->params - unused) + 12 * scores * context;
    a->flops[FLOPS_PRODUCTS] = gpt_flops(c, vocab_size);
    a->flops[FLOPS_EXACT] =
        operations(c, vocab_size, context, context, context * (context + 1) / 2) / context;
}

Status account_model(const GptConfig *c, int64_t vocab_size, Account *a)
{
    Params p = {0};
    Gpt g;
    gpt_init(&g, &p, c, vocab_size, 0);
    const Status status = p.status;
    if (status == OK) account_params(c, vocab_size, &p, a);
    params_free(&p);
    return status;
}

static Status mean_of(const GptConfig *c, const Batches *b, int64_t draws, Batch *batch, Account *a)
{
    double sum = 0, tokens = 0;
    for (int64_t draw = 1; draw <= draws; draw++) {
        TRY(batches_fill(b, draw, batch));
        sum += account_batch(c, b->dataset->vocab_size, batch);
        tokens += (double)batch->loss_tokens;
    }
    if (tokens > 0) a->flops[FLOPS_EXACT] = sum / tokens;
    return OK;
}

Status account_data(const GptConfig *c, const Batches *b, int64_t draws, Account *a)
{
    const int64_t epoch = (b->windows + b->sequences - 1) / b->sequences;
    Arena arena = {0};
    Batch batch;
    Status status = batch_alloc(&batch, &arena, b->sequences, b->context);
    if (status == OK) status = mean_of(c, b, draws < epoch ? draws : epoch, &batch, a);
    arena_free(&arena);
    return status;
}

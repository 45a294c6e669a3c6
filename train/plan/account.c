#include "train/plan/account.h"

#include <string.h>

#include "layers/cost.h"

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

Status account_batch(const Gpt *g, const Batch *b, double *flops)
{
    Cost cost;
    const GptInput in = {.rows = b->sequences * b->context,
                         .tokens = b->inputs,
                         .positions = b->positions,
                         .attention = {.segments = b->segment_index[b->sequences],
                                       .queries = b->segment_starts,
                                       .keys = b->segment_starts,
                                       .first = b->has_intervals ? b->first : NULL,
                                       .end = b->has_intervals ? b->end : NULL}};
    TRY(cost_forward(g, &in, b->targets, &cost));
    *flops = 3 * (cost.weights + cost.scores);
    return OK;
}

double account_profile(const Profile *p)
{
    double sum = 0;
    for (int i = 0; i < p->count; i++)
        if (p->rows[i].pass == PASS_FORWARD || p->rows[i].pass == PASS_BACKWARD)
            sum += p->rows[i].work.operations;
    return sum;
}

/* Forward FLOPs per token, for windows of the whole context. */
static Status window_cost(const Gpt *g, CostRows rows, Cost *cost)
{
    Arena arena = {0};
    GptInput in;
    const int32_t *targets;
    Status status = cost_windows(g, 1, rows, &arena, &in, &targets);
    if (status == OK) status = cost_forward(g, &in, targets, cost);
    arena_free(&arena);
    cost->weights /= (double)g->config->context;
    cost->scores /= (double)g->config->context;
    return status;
}

Status account_params(const Gpt *g, const Params *p, Account *a)
{
    Cost full = {0}, causal = {0};
    *a = (Account){0};
    TRY(window_cost(g, COST_FULL, &full));
    TRY(window_cost(g, COST_CAUSAL, &causal));
    for (const Param *one = p->first; one; one = one->next) {
        const int64_t count = shape_count(one->tensor.shape);
        const bool is_embedding = begins(one, "embed."), is_position = begins(one, "positions.");
        a->params += count;
        if (is_embedding || is_position || begins(one, "head.")) a->params_embedding += count;
        if (is_position || (is_embedding && !g->config->tied)) a->params_lookup += count;
    }
    a->flops[FLOPS_6N] = 6 * (double)a->params;
    a->flops[FLOPS_NON_EMBEDDING] = 6 * (double)(a->params - a->params_embedding);
    a->flops[FLOPS_ATTENTION] = 6 * (double)(a->params - a->params_lookup) + 3 * full.scores;
    a->flops[FLOPS_PRODUCTS] = 3 * (full.weights + full.scores);
    a->flops[FLOPS_EXACT] = 3 * (causal.weights + causal.scores);
    return OK;
}

Status account_model(const GptConfig *c, int64_t vocab_size, Account *a)
{
    Params p = {0};
    Gpt g;
    gpt_init(&g, &p, c, vocab_size, 0);
    Status status = p.status;
    if (status == OK) status = account_params(&g, &p, a);
    params_free(&p);
    return status;
}

static Status mean_of(const Gpt *g, const Batches *b, int64_t draws, Batch *batch, Account *a)
{
    double sum = 0, tokens = 0, one = 0;
    for (int64_t draw = 1; draw <= draws; draw++) {
        TRY(batches_fill(b, draw, batch));
        TRY(account_batch(g, batch, &one));
        sum += one;
        tokens += (double)batch->loss_tokens;
    }
    if (tokens > 0) a->flops[FLOPS_EXACT] = sum / tokens;
    return OK;
}

Status account_data(const GptConfig *c, const Batches *b, int64_t draws, Account *a)
{
    const int64_t epoch = (b->windows + b->sequences - 1) / b->sequences;
    Arena arena = {0};
    Params p = {0};
    Gpt g;
    Batch batch;
    gpt_init(&g, &p, c, b->dataset->vocab_size, 0);
    Status status = p.status;
    if (status == OK) status = batch_alloc(&batch, &arena, b->sequences, b->context);
    if (status == OK) status = mean_of(&g, b, draws < epoch ? draws : epoch, &batch, a);
    params_free(&p);
    arena_free(&arena);
    return status;
}

#include "layers/cost.h"

Status cost_visit(const Gpt *g, const GptInput *in, const int32_t *targets, CostVisit *visit,
                  void *context)
{
    Tape t = {.dry = true};
    tape_reset(&t);
    tape_record(&t, NULL, NULL); /* only a recording tape links its nodes */
    gpt_loss(g, &t, in, &(CrossEntropy){.targets = targets, .scale = 1});
    for (const Node *n = t.last; n && t.status == OK; n = n->before) {
        Node forward = *n;
        forward.record = false; /* so that an op leaves out gradients it computes in forward */
        const OpWork work = op_work(&forward, false);
        visit(context, n, &work);
    }
    const Status status = t.status;
    tape_free(&t);
    return status;
}

static void add(void *context, const Node *n, const OpWork *work)
{
    Cost *cost = context;
    (void)n;
    *(work->matrix.rank ? &cost->weights : &cost->scores) += work->operations;
}

Status cost_forward(const Gpt *g, const GptInput *in, const int32_t *targets, Cost *cost)
{
    *cost = (Cost){0};
    return cost_visit(g, in, targets, add, cost);
}

static int32_t *take(Arena *a, int64_t count, int32_t first, int32_t step)
{
    int32_t *x = arena_take(a, count * (int64_t)sizeof *x);
    for (int64_t i = 0; x && i < count; i++) x[i] = first + (int32_t)i * step;
    return x;
}

Status cost_windows(const Gpt *g, int64_t sequences, CostRows rows, Arena *arena, GptInput *in,
                    const int32_t **targets)
{
    const int32_t context = (int32_t)g->config->context;
    const int64_t count = sequences * context;
    const int32_t *zeros = take(arena, count, 0, 0),
                  *starts = take(arena, sequences + 1, 0, context),
                  *ends = rows == COST_FULL ? take(arena, count, context, 0) : NULL;
    if (!zeros || !starts || (rows == COST_FULL && !ends))
        return FAIL(E_NOMEM, "windows of %lld tokens", (long long)count);
    *targets = zeros;
    *in = (GptInput){.rows = count,
                     .tokens = zeros,
                     .positions = zeros,
                     .attention = {.segments = sequences,
                                   .queries = starts,
                                   .keys = starts,
                                   .first = ends ? zeros : NULL,
                                   .end = ends}};
    return OK;
}

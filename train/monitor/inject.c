#include "train/monitor/inject.h"

#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/text.h"
#include "autograd/ops.h"

/* A fault in a batch, and its random numbers. */
typedef struct Fault {
    const Batches *from;
    Batch *batch;
    Rng rng; /* indexed by (position, batch_index) */
    int64_t batch_index;
} Fault;

bool inject_is_due(const MonitorConfig *c, int64_t batch_index)
{
    return c->inject != INJECT_none && batch_index >= c->inject_batch &&
           batch_index - c->inject_batch < c->inject_count;
}

static int32_t random_token(const Fault *s, int64_t position)
{
    return (int32_t)rng_below(s->rng, (uint64_t)position, (uint64_t)s->batch_index,
                              (uint64_t)s->from->dataset->vocab_size);
}

/* Sequence q is the tokens (q, 0) .. (q, context): each the target of a row and the input of the
 * next. */
static void replace_tokens(const Fault *s, bool constant)
{
    Batch *b = s->batch;
    const int32_t one = (int32_t)rng_below(s->rng, 0, 0, (uint64_t)s->from->dataset->vocab_size);
    for (int64_t row = 0; row < b->sequences * b->context; row++) {
        const int64_t position = row / b->context * (b->context + 1) + row % b->context;
        b->inputs[row] = constant ? one : random_token(s, position);
        if (b->targets[row] >= 0) b->targets[row] = constant ? one : random_token(s, position + 1);
    }
}

/* Fisher & Yates 1938, over the rows that have a loss. */
static Status shuffle_targets(const Fault *s)
{
    Batch *b = s->batch;
    Arena arena = {0};
    int64_t count = 0, *rows = arena_take(&arena, (b->loss_tokens + 1) * (int64_t)sizeof *rows);
    if (!rows) return FAIL(E_NOMEM, "a shuffle of %lld targets", (long long)b->loss_tokens);
    for (int64_t row = 0; row < b->sequences * b->context; row++)
        if (b->targets[row] >= 0) rows[count++] = row;
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t other =
            rows[rng_below(s->rng, (uint64_t)i, (uint64_t)s->batch_index, (uint64_t)i + 1)];
        const int32_t target = b->targets[rows[i]];
        b->targets[rows[i]] = b->targets[other];
        b->targets[other] = target;
    }
    arena_free(&arena);
    return OK;
}

int64_t inject_document(const MonitorConfig *c, uint64_t seed, int64_t batch_index,
                        const DocumentSpan *spans, int64_t count)
{
    int64_t fit = 0;
    if (c->inject != INJECT_document || !inject_is_due(c, batch_index)) return -1;
    for (int64_t i = 0; i < count; i++) fit += spans[i].end - spans[i].row >= INJECT_LEAST;
    if (!fit) return -1;
    int64_t left = (int64_t)rng_below(rng_stream(seed, "monitor.inject.document"), 0,
                                      (uint64_t)batch_index, (uint64_t)fit);
    for (int64_t i = 0;; i++)
        if (spans[i].end - spans[i].row >= INJECT_LEAST && !left--) return i;
}

static Status replace_document(const MonitorConfig *c, const Fault *s)
{
    Batch *b = s->batch;
    const Split *split = s->from->split;
    Arena arena = {0};
    DocumentSpan *spans;
    int64_t count;
    Status status = document_spans(b, split, &arena, &spans, &count);
    const int64_t chosen =
        status == OK ? inject_document(c, s->from->seed, s->batch_index, spans, count) : -1;
    if (chosen >= 0) {
        const DocumentSpan *p = &spans[chosen];
        const int64_t end = (int64_t)split->offsets[p->document + 1];
        for (int64_t row = p->row; row < p->end; row++) {
            if (p->token_begin + (row - p->row) + 1 == end) break; /* its end-of-text */
            const int32_t token = random_token(s, row);
            if (b->targets[row] >= 0) b->targets[row] = token;
            if (row + 1 < p->end) b->inputs[row + 1] = token;
        }
    }
    arena_free(&arena);
    return status;
}

Status inject_tokens(const MonitorConfig *c, const Batches *from, int64_t batch_index, Batch *b)
{
    const Fault s = {from, b, rng_stream(from->seed, "monitor.inject"), batch_index};
    if (!inject_is_due(c, batch_index)) return OK;
    if (c->inject == INJECT_random || c->inject == INJECT_constant)
        replace_tokens(&s, c->inject == INJECT_constant);
    if (c->inject == INJECT_shuffle) return shuffle_targets(&s);
    return c->inject == INJECT_document ? replace_document(c, &s) : OK;
}

void inject_gradient(const MonitorConfig *c, int64_t batch_index, const Params *p)
{
    if (c->inject != INJECT_gradient || !inject_is_due(c, batch_index)) return;
    for (int64_t i = 0; i < p->count; i++) p->grad[i] *= (real)c->inject_factor;
}

static Status check_op(const char *where, const char *op)
{
    const char *nearest = "";
    int least = 1 << 20;
    for (int i = 0; i < op_count; i++) {
        const int distance = text_distance(op, op_table[i]->name);
        if (!distance) return OK;
        if (distance < least) least = distance, nearest = op_table[i]->name;
    }
    return FAIL(E_CONFIG, "monitor.inject_where = %s: there is no op %s; did you mean %s?", where,
                op, nearest);
}

Status inject_target(const char *where, InjectTarget *p)
{
    const char *slash = strchr(where, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
    const size_t scope = slash ? (size_t)(slash - where) : 0,
                 op = slash ? strcspn(slash + 1, "/") : 0;
    *p = (InjectTarget){.in_backward = second != NULL};
    if (!scope || !op || scope >= sizeof p->scope || op >= sizeof p->op ||
        (second && strcmp(second, "/backward")))
        return FAIL(E_CONFIG,
                    "monitor.inject_where = %s: expected SCOPE/OP or SCOPE/OP/backward, as in "
                    "blocks.0.mlp/linear",
                    where);
    memcpy(p->scope, where, scope);
    memcpy(p->op, slash + 1, op);
    return check_op(where, p->op);
}

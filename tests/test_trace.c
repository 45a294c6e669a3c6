/* Where a number that is not finite came from: of every op, forward and backward, in any microbatch. */
#include "tests/support.h"

#include <math.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/run/run.h"

/* Between them, all ops. */
static const char *const plain[] = {"train.microbatches=3", "model.dropout=0.1", NULL},
                         *const other[] = {"train.microbatches=2", "model.norm=rmsnorm",
                                           "model.tied=false",     "model.norm_place=sandwich",
                                           "model.mlp=swiglu",     "model.positions=rope",
                                           "model.kv_heads=1",     "model.qk_norm=true",
                                           "model.dropout=0.1",    NULL},
                         *const again[] = {"train.microbatches=2", "model.dropout=0.1",
                                           "train.recompute=blocks", NULL},
                         *const scaled[] = {"model.parametrization=mup", "model.base_width=8",
                                            "model.qk_norm=true", "model.qk_norm_weight=true",
                                            NULL},
                         *const *const models[] = {plain, other, again, scaled, NULL};

static void open_run(Run *r, Config *c, const Place *p, const char *const more[])
{
    place_config(p, c, more);
    MUST(run_open(r, c));
    MUST(batches_fill(&r->train, 1, &r->batch));
}

static StepTask task_of(const Run *r)
{
    return (StepTask){.model = &r->model, .batch = &r->batch, .step = 1, .dropout = true};
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void expect(const TapeFinding *f, const TapePoison *want, const char *parameter)
{
    cr_assert(f->found && f->in_backward == want->in_backward && is_same(f->op, want->op) &&
                  is_same(f->scope, want->scope) && is_same(f->parameter, parameter),
              "%s of %s in %s, %s: found %d, %s of %s in %s, %s",
              want->in_backward ? "backward" : "forward", want->op, want->scope,
              parameter ? parameter : "no parameter", f->found,
              f->in_backward ? "backward" : "forward", f->op, f->scope,
              f->parameter ? f->parameter : "no parameter");
}

/* Poisons one microbatch after the other. */
static void trace(Run *r, const TapePoison *poison, const char *parameter)
{
    StepTask task = task_of(r);
    TapeFinding f;
    double loss;
    task.poison = poison;
    for (task.poison_microbatch = 0; task.poison_microbatch < r->config->train.microbatches;
         task.poison_microbatch++) {
        MUST(microbatches_step(r->microbatches, &task, &loss));
        cr_assert(!isfinite(loss) || !isfinite(grad_norm(&r->params, NULL)) ||
                      !strcmp(poison->op, "dropout"), /* it may hit what is dropped */
                  "%s in %s is lost", poison->op, poison->scope);
        MUST(microbatches_trace(r->microbatches, &task, &f));
        expect(&f, poison, parameter);
    }
}

enum { SEEN_MAX = 256 };
static TapePoison seen[SEEN_MAX];
static int seen_count;

/* Whether it is the first of its kind: only that one can be poisoned. */
static bool is_first(const TapePoison *p)
{
    for (int i = 0; i < seen_count; i++)
        if (seen[i].in_backward == p->in_backward && seen[i].input == p->input &&
            is_same(seen[i].op, p->op) && is_same(seen[i].scope, p->scope))
            return false;
    cr_assert_lt(seen_count, SEEN_MAX);
    seen[seen_count++] = *p;
    return true;
}

/* The nodes of a batch's graph, from the last one back. */
static Node *graph(Run *r, Tape *t, bool *written)
{
    const Batch *b = &r->batch;
    const GptInput in = {.rows = b->sequences * b->context,
                         .tokens = b->inputs,
                         .positions = b->positions,
                         .attention = {.segments = b->segment_index[b->sequences],
                                       .queries = b->segment_starts,
                                       .keys = b->segment_starts},
                         .dropout = true};
    tape_reset(t);
    tape_record(t, r->params.grad, written);
    Tensor *loss = gpt_loss(&r->model, t, &in, &(CrossEntropy){.targets = b->targets, .scale = 1});
    cr_assert_not_null(loss, "%s", error_message());
    MUST(tape_backward(t, loss));
    return t->last;
}

static const char *middle_of(const Run *r, const Tensor *x)
{
    return x->name ? params_at(&r->params, x->offset + shape_count(x->shape) / 2)->name : NULL;
}

static void mark(bool *ops, const Node *n)
{
    for (int i = 0; i < op_count; i++) ops[i] |= op_table[i] == n->op;
}

Test(trace, names_every_op_forward_and_backward)
{
    const Place place = place_make();
    bool forward[64] = {0}, backward[64] = {0};
    cr_assert_leq(op_count, 64);
    for (int m = 0; models[m]; m++) {
        Config c;
        Run r;
        Tape t = {0};
        bool written[256] = {0};
        Node *reverse[256], *n;
        int count = 0;
        open_run(&r, &c, &place, models[m]);
        seen_count = 0;
        for (n = graph(&r, &t, written); n; n = n->before) {
            reverse[count++] = n;
            for (int i = 0; i < n->op->inputs; i++) {
                const TapePoison p = {n->op->name, n->scope, true, i + 1};
                if (!n->in[i] || !n->in[i]->wants_grad || !is_first(&p)) continue;
                trace(&r, &p, middle_of(&r, n->in[i]));
                mark(backward, n);
            }
        }
        while (count > 0) {
            n = reverse[--count];
            const TapePoison p = {n->op->name, n->scope, false, 0};
            if (!is_first(&p)) continue;
            trace(&r, &p, NULL);
            mark(forward, n);
        }
        tape_free(&t);
        run_close(&r);
    }
    for (int i = 0; i < op_count; i++) {
        const bool is_used = op_table[i] != &op_log_prob && op_table[i] != &op_sum &&
                             op_table[i] != &op_softcap; /* only in sampling */
        cr_assert_eq(forward[i] && backward[i], is_used, "%s: in a model, or not",
                     op_table[i]->name);
    }
    place_remove(&place);
}

/* Any of it, in any of the matrices that are joined for speed; forward, and by a microbatch of its own. */
Test(trace, names_every_parameter_with_a_bad_value)
{
    const Place place = place_make();
    for (int m = 0; models[m]; m++) {
        Config c;
        Run r;
        open_run(&r, &c, &place, models[m]);
        const StepTask task = task_of(&r);
        TapeFinding f;
        MUST(microbatches_trace(r.microbatches, &task, &f));
        cr_assert_not(f.found);
        for (const Param *one = r.params.first; one; one = one->next)
            for (int last = 0; last < 2; last++) {
                real *bad = one->tensor.data + (last ? shape_count(one->tensor.shape) - 1 : 0);
                const real good = *bad;
                *bad = last ? (real)NAN : -(real)INFINITY;
                MUST(microbatches_trace(r.microbatches, &task, &f));
                *bad = good;
                cr_assert(f.found && !f.in_backward && is_same(f.parameter, one->name),
                          "%s: found %d, %s", one->name, f.found, f.parameter);
                cr_assert(!strncmp(one->name, f.scope, strlen(f.scope)) ||
                              !strcmp(one->name, "positions.weight"),
                          "%s: in %s", one->name, f.scope);
            }
        run_close(&r);
    }
    place_remove(&place);
}

/* Numbers that are finite, and a sum of them that is not. */
Test(trace, names_the_op_that_overflows)
{
    const Place place = place_make();
    Config c;
    Run r;
    TapeFinding f;
    open_run(&r, &c, &place, plain);
    const StepTask task = task_of(&r);
    const Param *p = r.params.first;
    while (strcmp(p->name, "blocks.1.mlp.up.weight") != 0) p = p->next;
    const Tensor *up = &p->tensor;
    const real huge = sizeof(real) == 4 ? (real)3e38 : (real)1.7e308;
    for (int64_t i = 0; i < shape_count(up->shape); i++) up->data[i] = i % 2 ? huge : -huge;
    MUST(microbatches_trace(r.microbatches, &task, &f));
    expect(&f, &(TapePoison){"linear", "blocks.1.mlp", false, 0}, NULL);
    run_close(&r);
    place_remove(&place);
}

Test(trace, is_the_same_on_any_number_of_threads)
{
    const Place place = place_make();
    for (int threads = 1; threads <= 4; threads++) {
        Config c;
        Run r;
        threads_set(threads);
        open_run(&r, &c, &place, plain);
        trace(&r, &(TapePoison){"attention", "blocks.1.attn", false, 0}, NULL);
        trace(&r, &(TapePoison){"linear", "blocks.0.mlp", true, 2}, "blocks.0.mlp.down.weight");
        run_close(&r);
    }
    place_remove(&place);
}

/* What micro-batches measure on the way: against one tape that runs the whole batch, and on any threads. */
#include "tests/support.h"

#include <math.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/run/run.h"

enum { LAYERS = 2, HEADS = 2, ROWS = 6 * 16 };

typedef struct Measures {
    StepStats got;
    real row_loss[ROWS];
    double activation[LAYERS], entropy[LAYERS], max_logit[LAYERS], loss;
} Measures;

static void ask(Measures *m)
{
    memset(m, 0, sizeof *m);
    m->got = (StepStats){.row_loss = m->row_loss,
                         .activation = m->activation,
                         .entropy = m->entropy,
                         .max_logit = m->max_logit};
}

/* Opened, with weights large enough that attention is not even, and a batch. */
static void open_run(Run *r, Config *c, const Place *p, const char *const more[])
{
    place_config(p, c, more);
    MUST(run_open(r, c));
    for (int64_t i = 0; i < r->params.count; i++) r->params.value[i] *= 5;
    MUST(batches_fill(&r->train, 1, &r->batch));
    r->batch.targets[3] = r->batch.targets[40] = -1;
    r->batch.loss_tokens -= 2;
}

static void measure(Run *r, Measures *m)
{
    const StepTask task = {.model = &r->model, .batch = &r->batch, .step = 1, .stats = &m->got};
    ask(m);
    MUST(microbatches_step(r->microbatches, &task, &m->loss));
}

/* The same from the numbers themselves. */
static void measure_by_hand(Run *r, Measures *m)
{
    const Batch *b = &r->batch;
    real max_logit[LAYERS][HEADS], row_logz[ROWS];
    double entropy[LAYERS][HEADS];
    int64_t seeing[LAYERS];
    AttentionStats attention[LAYERS];
    Tape t = {0};
    bool written[256] = {0};
    cr_assert_lt(r->params.tensors, 256);
    ask(m);
    for (int i = 0; i < LAYERS; i++)
        attention[i] = (AttentionStats){max_logit[i], entropy[i], &seeing[i]};
    const GptInput in = {.rows = ROWS,
                         .tokens = b->inputs,
                         .positions = b->positions,
                         .attention = {.segments = b->segment_index[b->sequences],
                                       .queries = b->segment_starts,
                                       .keys = b->segment_starts},
                         .stats = attention};
    const CrossEntropy loss = {.targets = b->targets,
                               .scale = 1,
                               .row_loss = m->row_loss,
                               .row_logz = row_logz};
    tape_reset(&t);
    tape_record(&t, r->params.grad, written);
    cr_assert_not_null(gpt_loss(&r->model, &t, &in, &loss), "%s", error_message());
    for (int i = 0; i < LAYERS; i++) {
        char scope[32];
        double sum = 0, max = -INFINITY;
        snprintf(scope, sizeof scope, "blocks.%d.mlp", i);
        const Node *n = t.last; /* the last op of the block makes what the next one reads */
        while (strcmp(n->scope, scope)) n = n->before;
        for (int64_t j = 0; j < shape_count(n->out->shape); j++)
            sum += (double)n->out->data[j] * (double)n->out->data[j];
        m->activation[i] = sqrt(sum / (double)shape_count(n->out->shape));
        sum = 0;
        for (int h = 0; h < HEADS; h++) {
            sum += entropy[i][h];
            max = max_logit[i][h] > (real)max ? (double)max_logit[i][h] : max;
        }
        cr_assert_eq(seeing[i], ROWS);
        m->entropy[i] = sum / ROWS / HEADS;
        m->max_logit[i] = max;
    }
    for (int i = 0; i < ROWS; i++) m->got.log_z += (double)row_logz[i];
    m->got.log_z /= (double)b->loss_tokens;
    tape_free(&t);
}

static void near(double got, double want, const char *what)
{
    cr_assert(fabs(got - want) <= 1e-4 * fabs(want), "%s: %.9g, not %.9g", what, got, want);
}

Test(microbatch_stats, are_those_of_the_whole_batch)
{
    static const char *const counts[] = {"train.microbatches=1", "train.microbatches=2",
                                         "train.microbatches=5", NULL};
    const Place place = place_make();
    for (int i = 0; counts[i]; i++) {
        const char *const more[] = {counts[i], NULL};
        Config c;
        Run r;
        Measures got, want;
        open_run(&r, &c, &place, more);
        measure_by_hand(&r, &want);
        measure(&r, &got);
        near(got.got.log_z, want.got.log_z, "log Z");
        for (int k = 0; k < LAYERS; k++) {
            near(got.activation[k], want.activation[k], "activation");
            near(got.entropy[k], want.entropy[k], "entropy");
            cr_assert(got.entropy[k] > 0.01 && got.entropy[k] < log(16), "%g", got.entropy[k]);
            near(got.max_logit[k], want.max_logit[k], "largest logit");
        }
        double loss = 0;
        for (int k = 0; k < ROWS; k++) {
            near((double)got.row_loss[k], (double)want.row_loss[k], "row");
            loss += (double)got.row_loss[k];
        }
        near(got.loss, loss / (double)r.batch.loss_tokens, "loss");
        run_close(&r);
    }
    place_remove(&place);
}

/* Nor do they change what is trained; parts may be left out. */
Test(microbatch_stats, change_no_bit_and_depend_on_no_threads)
{
    static const char *const more[] = {"train.microbatches=4", "model.dropout=0.1", NULL};
    const Place place = place_make();
    Config c;
    Run r;
    Measures want, got;
    threads_set(1);
    open_run(&r, &c, &place, more);
    const StepTask task = {.model = &r.model, .batch = &r.batch, .step = 1};
    const size_t size = (size_t)r.params.count * sizeof(real);
    double loss;
    MUST(microbatches_step(r.microbatches, &task, &loss));
    real *grad = malloc(size);
    cr_assert_not_null(grad);
    memcpy(grad, r.params.grad, size);
    measure(&r, &want);
    cr_assert_eq(want.loss, loss);
    cr_assert_eq(memcmp(grad, r.params.grad, size), 0);
    run_close(&r);
    for (int threads = 2; threads <= 6; threads++) {
        threads_set(threads);
        open_run(&r, &c, &place, more);
        measure(&r, &got);
        cr_assert_eq(got.got.log_z, want.got.log_z);
        cr_assert_eq(memcmp(got.row_loss, want.row_loss, sizeof got.row_loss), 0);
        cr_assert_eq(memcmp(got.activation, want.activation, sizeof got.activation), 0);
        cr_assert_eq(memcmp(got.entropy, want.entropy, sizeof got.entropy), 0);
        cr_assert_eq(memcmp(got.max_logit, want.max_logit, sizeof got.max_logit), 0);
        cr_assert_eq(memcmp(grad, r.params.grad, size), 0);
        StepStats few = {.activation = got.activation};
        StepTask part = task;
        part.model = &r.model, part.batch = &r.batch, part.stats = &few;
        MUST(microbatches_step(r.microbatches, &part, &loss));
        cr_assert_eq(memcmp(got.activation, want.activation, sizeof got.activation), 0);
        run_close(&r);
    }
    free(grad);
    place_remove(&place);
}
